"""A show played by the official Python client of MCP, in an environment of its own; prints what it was told, as JSON.

Run by ``test_sdk.py``: ``sdk_show.py MODE [--tasks] (--url URL | --command PROGRAM ARGUMENT...)``. The token is in the
environment.
"""

import argparse
import asyncio
import json
import os
import sys
import uuid
from typing import Any, Literal

import httpx2
from mcp import Client, StdioServerParameters
from mcp.client.extension import ClientExtension, ResultClaim
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CallToolResult, Request, RequestParams, Result
from pydantic import ConfigDict, Field


class Task(Result):
    model_config = ConfigDict(extra="allow")
    task_id: str = Field(alias="taskId")
    status: str


class CreatedTask(Task):
    result_type: Literal["task"] = Field(alias="resultType")


class EndedTask(Task):
    result: dict[str, Any] | None = None


class TaskParams(RequestParams):
    task_id: str = Field(alias="taskId")


class GetTask(Request[TaskParams, Literal["tasks/get"]]):
    method: Literal["tasks/get"] = "tasks/get"
    name_param = "taskId"


class Tasks(ClientExtension):
    """The Tasks extension, as far as a client has to do something for it."""

    identifier = "io.modelcontextprotocol/tasks"

    def __init__(self) -> None:
        self.seen: list[str] = []

    def claims(self) -> list[ResultClaim[Any]]:
        return [ResultClaim(result_type="task", model=CreatedTask, resolve=self._ended)]

    async def _ended(self, created: CreatedTask, context: Any) -> CallToolResult:
        self.seen.append(created.task_id)
        request = GetTask(params=TaskParams(taskId=created.task_id))
        while True:
            task = await context.session.send_request(request, EndedTask)
            if task.status != "working":
                return CallToolResult.model_validate(task.result)
            await asyncio.sleep(0.1)


async def play(client: Client, tasks: Tasks) -> dict[str, Any]:
    steps: list[dict[str, Any]] = []
    start = f"start-{uuid.uuid4()}"

    async def call(tool: str, **arguments: Any) -> None:
        result = await client.call_tool(tool, arguments)
        kinds = [content.type for content in result.content]
        told = result.structured_content or {}
        steps.append({"tool": tool, "error": result.is_error, "told": told, "kinds": kinds})

    tools = [tool.name for tool in (await client.list_tools()).tools]
    prompt = await client.get_prompt("run_a_show", {"title": "A show"})
    resources = [str(resource.uri) for resource in (await client.list_resources()).resources]
    read = await client.read_resource(resources[0])
    await call("status", check=True)
    await call("twitch_start_stream", title="By MCP", request_id=start)
    await call("twitch_start_stream", title="By MCP", request_id=start)
    await call("obs_screenshot")
    await call("twitch_set_title", title="Second half")
    await call("twitch_post_chat_message", message="hello")
    await call("twitch_start_stream", obs_scene="No such scene")
    await call("twitch_stop_stream", reason="the end")
    return {
        "version": client.protocol_version,
        "server": client.server_info.name if client.server_info else None,
        "tools": tools,
        "prompt": prompt.messages[0].content.text,
        "read": json.loads(read.contents[0].text),
        "steps": steps,
        "tasks": tasks.seen,
    }


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("mode")
    parser.add_argument("--tasks", action="store_true")
    parser.add_argument("--url")
    parser.add_argument("--command", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    tasks = Tasks()
    extensions: list[ClientExtension] = [tasks] if options.tasks else []
    if options.command:
        program, *arguments = options.command
        server = StdioServerParameters(command=program, args=arguments, env=dict(os.environ))
        async with Client(server, mode=options.mode, extensions=extensions) as client:
            sys.stdout.write(json.dumps(await play(client, tasks)))
        return
    headers = {"Authorization": f"Bearer {os.environ['TOOL_SERVICE_TOKEN']}"}
    async with httpx2.AsyncClient(headers=headers, timeout=60, trust_env=False) as http:
        transport = streamable_http_client(options.url, http_client=http)
        async with Client(transport, mode=options.mode, extensions=extensions) as client:
            sys.stdout.write(json.dumps(await play(client, tasks)))


if __name__ == "__main__":
    asyncio.run(main())
