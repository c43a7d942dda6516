"""A model that does as it is told: an OpenAI-compatible server on loopback whose "thinking" is in the user's message.

A message that contains ``CALLS [{"tool": …, "args": …}, …]`` makes it call those tools one after the other, each once
the result of the one before is there, and then answer with the results as it saw them. Anything else it answers with
OK. Every request is kept: what the model is shown is what an agent gets to know.
"""

import json
import re
import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

Message = dict[str, Any]
CALLS = re.compile(r"CALLS (\[.*\]) END", re.DOTALL)


def calls(*steps: tuple[str, dict[str, Any]]) -> str:
    """The user's message that makes the model call these tools."""
    return f"CALLS {json.dumps([{'tool': tool, 'args': args} for tool, args in steps])} END"


def text_of(message: Message) -> str:
    content = message.get("content")
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) for part in content)
    return str(content or "")


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A gateway that is killed resets its connections, which is no error of the model."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class ScriptedModel:
    """``requests`` are all chat requests so far. ``before_call[tool]`` is run before the model asks for that tool."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self.before_call: dict[str, Callable[[], None]] = {}
        self._arrived = threading.Condition()
        self._number = 0
        model = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                model._serve(self, request)

            def log_message(self, *_args: object) -> None:
                """The tests look at ``requests``."""

        self._server = _Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), name="scripted model")

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def wait_for(self, found: Callable[[dict[str, Any]], bool], timeout_s: float) -> dict[str, Any]:
        """The first request, past or to come, that ``found`` accepts."""
        with self._arrived:
            if self._arrived.wait_for(lambda: any(map(found, self.requests)), timeout_s):
                return next(filter(found, self.requests))
        raise AssertionError(f"the model was not asked for it within {timeout_s} s")

    def _serve(self, handler: BaseHTTPRequestHandler, request: dict[str, Any]) -> None:
        with self._arrived:
            self.requests.append(request)
            self._arrived.notify_all()
        message, reason = self._answer(request)
        head = {"id": "scripted", "object": "chat.completion.chunk", "created": 0, "model": request.get("model")}
        chunks = [
            {**head, "choices": [{"index": 0, "delta": message, "finish_reason": None}]},
            {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": reason}]},
        ]
        lines = [f"data: {json.dumps(chunk)}\n\n" for chunk in chunks] + ["data: [DONE]\n\n"]
        body = "".join(lines).encode()
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream")
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    def _answer(self, request: dict[str, Any]) -> tuple[Message, str]:
        messages: list[Message] = request["messages"]
        # This turn: all since the last answer. OpenClaw adds messages of its own to the user's.
        answered = [i for i, one in enumerate(messages) if one["role"] == "assistant" and not one.get("tool_calls")]
        turn = messages[answered[-1] + 1 if answered else 0 :]
        wanted = CALLS.search("\n".join(text_of(message) for message in turn if message["role"] == "user"))
        steps = json.loads(wanted[1]) if wanted else []
        results = [text_of(message) for message in turn if message["role"] == "tool"]
        if len(results) < len(steps):
            return self._call(request, steps[len(results)]), "tool_calls"
        content = json.dumps(results) if steps else "OK"
        return {"role": "assistant", "content": content}, "stop"

    def _call(self, request: dict[str, Any], step: dict[str, Any]) -> Message:
        tool, args = step["tool"], step["args"]
        self.before_call.get(tool, lambda: None)()
        offered = {one["function"]["name"] for one in request.get("tools", [])}
        if tool not in offered and "tool_call" in offered:
            tool, args = "tool_call", {"id": tool, "args": args}
        self._number += 1
        function = {"name": tool, "arguments": json.dumps(args)}
        return {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"index": 0, "id": f"call_{self._number:06d}", "type": "function", "function": function}],
        }
