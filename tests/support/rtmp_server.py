"""The server a stream goes to."""

import json
import os
import shutil
import subprocess
import urllib.request
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Self

from tests.support.ports import free_port
from tests.support.process import Process
from tests.support.waiting import HANG_S, wait_until

NGINX_RTMP_MODULE = Path("/usr/lib/nginx/modules/ngx_rtmp_module.so")


class RtmpServer:
    """nginx with RTMP: ``port`` takes every key, ``refusing_port`` refuses every key (on_publish answers 403). With
    ``keeps_log`` it writes down when each publish on ``port`` began and ended."""

    def __init__(self, folder: Path, keeps_log: bool = False) -> None:
        self._folder = folder
        self._keeps_log = keeps_log
        self.port, self.refusing_port, self._stat_port = free_port(), free_port(), free_port()
        self._process: Process | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self.stop()

    def start(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / "nginx.conf"
        path.write_text(self._config())
        nginx = shutil.which("nginx", path=os.environ["PATH"] + os.pathsep + "/usr/sbin") or "nginx"
        self._process = Process([nginx, "-c", str(path), "-p", str(self._folder), "-e", "stderr"])
        wait_until(self._answers, f"nginx answers; it said: {self._process.lines()}")

    def stop(self) -> None:
        """Kill it, its connections with it. ``start`` brings it back on the same ports."""
        if self._process is not None:
            self._process.kill()

    def url(self) -> str:
        return f"rtmp://127.0.0.1:{self.port}/live"

    def publishers(self) -> list[str]:
        """The keys that are published now."""
        streams = self._stat().iter("stream")
        return [stream.findtext("name", "") for stream in streams if stream.find("publishing") is not None]

    def log_lines(self) -> list[str]:
        """``seconds call=publish|publish_done&…&clientid=…`` of each, Unix time."""
        path = self._folder / "publishes.log"
        return path.read_text().splitlines() if path.exists() else []

    def log_size(self) -> int:
        path = self._folder / "publishes.log"
        return path.stat().st_size if path.exists() else 0

    def probe(self, key: str = "testkey") -> dict[str, str]:
        """What ffprobe sees: ``{"video": codec, "audio": codec}``."""
        command = ["ffprobe", "-v", "error", "-of", "json", "-show_streams", f"{self.url()}/{key}"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=HANG_S, check=True)
        return {stream["codec_type"]: stream["codec_name"] for stream in json.loads(done.stdout)["streams"]}

    def _answers(self) -> bool:
        try:
            self._stat()
        except OSError:
            return False
        return True

    def _stat(self) -> ET.Element:
        with urllib.request.urlopen(f"http://127.0.0.1:{self._stat_port}/stat", timeout=HANG_S) as answer:
            return ET.fromstring(answer.read())

    def _config(self) -> str:
        refuse = f"http://127.0.0.1:{self._stat_port}/refuse"
        told = f"http://127.0.0.1:{self._stat_port}/told"
        notify = f"notify_method get; on_publish {told}; on_publish_done {told};" if self._keeps_log else ""
        return f"""
daemon off; master_process off;
pid {self._folder}/nginx.pid;
error_log stderr warn;
load_module {NGINX_RTMP_MODULE};
events {{ worker_connections 256; }}
rtmp {{
  server {{ listen 127.0.0.1:{self.port}; application live {{ live on; record off; {notify} }} }}
  server {{ listen 127.0.0.1:{self.refusing_port}; application live {{ live on; record off; on_publish {refuse}; }} }}
}}
http {{
  access_log off;
  log_format publishes '$msec $args';
  client_body_temp_path {self._folder}/body; proxy_temp_path {self._folder}/proxy;
  fastcgi_temp_path {self._folder}/fcgi; uwsgi_temp_path {self._folder}/uwsgi; scgi_temp_path {self._folder}/scgi;
  server {{
    listen 127.0.0.1:{self._stat_port};
    location /stat {{ rtmp_stat all; }}
    location /refuse {{ return 403; }}
    location /told {{ access_log {self._folder}/publishes.log publishes; return 200; }}
  }}
}}
"""
