"""The protocol SDK's own client, over both transports, for tests that are not asynchronous."""

from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import httpx2
from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client

type Use[Answer] = Callable[[Client], Awaitable[Answer]]

SECONDS = 60


def over_http[Answer](address: str, token: str, use: Use[Answer]) -> Answer:
    """Connect to a server's address with a bearer token, and use the connection."""

    async def run() -> Answer:
        headers = {"Authorization": f"Bearer {token}"}
        async with (
            httpx2.AsyncClient(headers=headers, timeout=SECONDS, trust_env=False) as http,
            Client(streamable_http_client(address, http_client=http)) as client,
        ):
            return await use(client)

    return anyio.run(run)


def over_stdio[Answer](
    command: str, words: list[str], environment: dict[str, str], use: Use[Answer]
) -> Answer:
    """Start a command that speaks on its standard input and output, and use the connection."""

    async def run() -> Answer:
        server = StdioServerParameters(command=command, args=words, env=environment)
        async with Client(stdio_client(server)) as client:
            return await use(client)

    return anyio.run(run)


async def text_of(client: Client, tool: str, **arguments: Any) -> tuple[bool, str]:
    """Call a tool; return whether it failed, and the one text that it answered."""
    found = await client.call_tool(tool, arguments)
    (content,) = found.content
    assert content.type == "text"
    return bool(found.is_error), content.text
