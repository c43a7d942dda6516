"""A client of MCP by hand, of either era, over a real socket: every header and byte is the test's."""

from typing import Any, Final

import requests

from tests.support.waiting import HANG_S, wait_until

MODERN: Final = "2026-07-28"
LEGACY: Final = ("2025-03-26", "2025-06-18", "2025-11-25")
TASKS: Final = "io.modelcontextprotocol/tasks"
PREFIX: Final = "io.modelcontextprotocol/"
NAMED_BY: Final = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}


class McpClient:
    """Speaks ``version``; with ``tasks`` it takes tasks for answers."""

    def __init__(self, port: int, token: str | None, version: str = MODERN, *, tasks: bool = False) -> None:
        self.url = f"http://127.0.0.1:{port}/mcp"
        self.version = version
        self.tasks = tasks
        self._ids = 0
        self.authorization = {} if token is None else {"Authorization": f"Bearer {token}"}
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.headers.update(self.authorization)

    def close(self) -> None:
        self._session.close()

    def post(self, message: Any, **headers: str | None) -> requests.Response:
        """``message`` (bytes as they are); a header given as None is left out."""
        named: dict[str, str | None] = {"Content-Type": "application/json", **_headers(message, self.version)}
        named |= {name.replace("_", "-"): value for name, value in headers.items()}
        body = {"data": message} if isinstance(message, bytes) else {"json": message}
        sent = {name: value for name, value in named.items() if value is not None}
        return self._session.post(self.url, headers=sent, timeout=HANG_S, **body)

    def message(self, method: str, **params: Any) -> dict[str, Any]:
        self._ids += 1
        if self.version == MODERN:
            extensions: dict[str, Any] = {"extensions": {TASKS: {}}} if self.tasks else {}
            params = {
                "_meta": {
                    f"{PREFIX}protocolVersion": MODERN,
                    f"{PREFIX}clientCapabilities": extensions,
                    f"{PREFIX}clientInfo": {"name": "test host", "version": "1"},
                },
                **params,
            }
        return {"jsonrpc": "2.0", "id": self._ids, "method": method, "params": params}

    def request(self, method: str, **params: Any) -> dict[str, Any]:
        """The whole answer."""
        message = self.message(method, **params)
        answer: dict[str, Any] = self.post(message).json()
        assert answer["id"] == message["id"]
        return answer

    def result(self, method: str, **params: Any) -> dict[str, Any]:
        answer = self.request(method, **params)
        assert "result" in answer, answer
        result: dict[str, Any] = answer["result"]
        return result

    def error(self, method: str, **params: Any) -> dict[str, Any]:
        answer = self.request(method, **params)
        assert "error" in answer, answer
        error: dict[str, Any] = answer["error"]
        return error

    def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        return self.result("tools/call", name=tool, arguments=arguments)

    def told(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """What a successful call of ``tool`` says."""
        result = self.call(tool, **arguments)
        assert not result.get("isError"), result
        told: dict[str, Any] = result["structuredContent"]
        return told

    def refused(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """The error object of a failed call of ``tool``."""
        result = self.call(tool, **arguments)
        assert result.get("isError"), result
        error: dict[str, Any] = result["structuredContent"]["error"]
        return error

    def tools(self) -> dict[str, dict[str, Any]]:
        return {tool["name"]: tool for tool in self.result("tools/list")["tools"]}

    def task(self, task_id: str) -> dict[str, Any]:
        return self.result("tasks/get", taskId=task_id)

    def ended(self, task_id: str) -> dict[str, Any]:
        """The task, once it works no more."""

        def ended() -> dict[str, Any] | None:
            task = self.task(task_id)
            return None if task["status"] == "working" else task

        task: dict[str, Any] = wait_until(ended, f"task {task_id} ends")
        return task


def _headers(message: Any, version: str) -> dict[str, str]:
    if version != MODERN:
        return {"MCP-Protocol-Version": version}
    if not isinstance(message, dict) or not isinstance(message.get("method"), str):
        return {"MCP-Protocol-Version": version}
    method, params = message["method"], message.get("params", {})
    headers = {"MCP-Protocol-Version": version, "Mcp-Method": method}
    name = params.get(NAMED_BY.get(method, "taskId" if method.startswith("tasks/") else ""))
    return {**headers, "Mcp-Name": name} if isinstance(name, str) else headers
