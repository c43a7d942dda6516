"""The files an OBS finds when it starts: profile, scene collections, scripts."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

COLLECTION = "Untitled"
SCENES = ("Main", "BRB")


@dataclass(frozen=True)
class ObsHome:
    """What OBS finds in its configuration when it starts. ``encoder`` "broken" cannot start on this machine;
    ``delay_s`` is OBS's stream delay; ``websocket_port`` None keeps obs-websocket off."""

    server_url: str = "rtmp://127.0.0.1:1/live"
    stream_key: str = "testkey"
    script: Path | None = None
    script_settings: Mapping[str, Any] = field(default_factory=dict)
    more_scripts: Sequence[Path] = ()
    encoder: Literal["x264", "broken"] = "x264"
    delay_s: int = 0
    websocket_port: int | None = None
    profile: str = "Untitled"
    asks_before_start: bool = False
    size: tuple[int, int] = (640, 360)
    fps: int = 30

    def small(self) -> "ObsHome":
        """With a picture that costs little: where none matters, several OBS fit on one machine."""
        return replace(self, size=(256, 144), fps=10)

    def write(self, home: Path) -> Path:
        """Write it below ``home``; the configuration folder."""
        config = home / ".config" / "obs-studio"
        profile = config / "basic" / "profiles" / self.profile
        profile.mkdir(parents=True, exist_ok=True)
        (config / "basic" / "scenes").mkdir(parents=True, exist_ok=True)
        (config / "global.ini").write_text(self._global_ini())
        (profile / "basic.ini").write_text(self._basic_ini())
        service = {"server": self.server_url, "key": self.stream_key, "use_auth": False}
        (profile / "service.json").write_text(json.dumps({"type": "rtmp_custom", "settings": service}))
        self.write_collection(config, COLLECTION, self._scripts())
        return config

    def write_collection(self, config: Path, name: str, scripts: Sequence[Mapping[str, Any]]) -> Path:
        """One scene collection that lists ``scripts`` (``{"path", "settings"}``)."""
        path = config / "basic" / "scenes" / f"{name}.json"
        body = {
            "name": name,
            "current_scene": SCENES[0],
            "current_program_scene": SCENES[0],
            "scene_order": [{"name": scene} for scene in SCENES],
            "sources": [*map(_colour, SCENES), *map(_scene, SCENES)],
            "groups": [],
            "transitions": [],
            "quick_transitions": [],
            "modules": {"scripts-tool": list(scripts)},
        }
        path.write_text(json.dumps(body))
        return path

    def _scripts(self) -> list[dict[str, Any]]:
        listed = [{"path": str(path), "settings": {}} for path in self.more_scripts]
        if self.script is not None:
            listed.append({"path": str(self.script), "settings": dict(self.script_settings)})
        return listed

    def _global_ini(self) -> str:
        return _ini(
            General={"FirstRun": "true", "LastVersion": 486539266, "EnableAutoUpdates": "false", "InfoIncrement": 99}
            | {f"Pre{version}Defaults": "false" for version in ("19", "21", "23", "24.1")},
            Basic={
                "Profile": self.profile,
                "ProfileDir": self.profile,
                "SceneCollection": COLLECTION,
                "SceneCollectionFile": COLLECTION,
                "ConfigOnNewProfile": "false",
            },
            BasicWindow={
                "WarnBeforeStartingStream": str(self.asks_before_start).lower(),
                "WarnBeforeStoppingStream": "false",
            },
            OBSWebSocket={
                "FirstLoad": "false",
                "ServerEnabled": "false" if self.websocket_port is None else "true",
                "ServerPort": self.websocket_port or 4455,
                "AlertsEnabled": "false",
                "AuthRequired": "false",
            },
        )

    def _basic_ini(self) -> str:
        width, height = self.size
        size = {"BaseCX": width, "BaseCY": height, "OutputCX": width, "OutputCY": height, "FPSCommon": self.fps}
        simple = {"VBitrate": 300, "StreamEncoder": "x264", "Preset": "ultrafast", "ABitrate": 64}
        simple |= {"UseAdvanced": "true", "x264Settings": f"keyint={self.fps}"}  # a key frame each second, for ffprobe
        mode = "Simple" if self.encoder == "x264" else "Advanced"
        return _ini(
            General={"Name": self.profile},
            Output={"Mode": mode, "DelayEnable": "true" if self.delay_s else "false", "DelaySec": self.delay_s},
            SimpleOutput=simple,
            AdvOut={"Encoder": "ffmpeg_vaapi", "TrackIndex": 1},
            Video=size,
        )


def _colour(scene: str) -> dict[str, Any]:
    """A scene without a source makes OBS ask before a stream."""
    settings = {"color": 0xFF804020, "width": 640, "height": 360}
    return {"id": "color_source", "name": f"{scene} colour", "enabled": True, "settings": settings}


def _scene(name: str) -> dict[str, Any]:
    """The last scene has the others in it, hidden. OBS 32.2.2 walks along the scenes while it clears them, and takes
    the next one from one that may be freed by then (``obs_canvas_enum_scenes``): those that follow are never cleared,
    and it crashes at one exit in ten, without any script. Here the last scene holds those before it until then."""
    items = [{"id": 1, "name": f"{name} colour", "visible": True}]
    if name == SCENES[-1]:
        items += [{"id": 1 + n, "name": other, "visible": False} for n, other in enumerate(SCENES[:-1], 1)]
    settings = {"custom_size": False, "id_counter": len(items), "items": items}
    return {"id": "scene", "versioned_id": "scene", "name": name, "enabled": True, "settings": settings}


def _ini(**sections: Mapping[str, object]) -> str:
    blocks = [f"[{name}]\n" + "".join(f"{k}={v}\n" for k, v in pairs.items()) for name, pairs in sections.items()]
    return "\n".join(blocks)
