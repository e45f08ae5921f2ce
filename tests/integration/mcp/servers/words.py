"""An MCP server as its author would write it, with the SDK: it counts words and does some other things."""

import os
import sys
from pathlib import Path

from mcp.server.mcpserver import Image, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import CallToolResult, EmbeddedResource, ResourceLink, TextContent, TextResourceContents
from pydantic import BaseModel

server = MCPServer("words", log_level="ERROR")


class Count(BaseModel):
    words: int
    longest: str


@server.tool()
def count(text: str) -> Count:
    """How many words a text has."""
    found = text.split()
    return Count(words=len(found), longest=max(found, key=len, default=""))


@server.tool(structured_output=False)
def count_file(path: str) -> str:
    """How many words a file has."""
    return f"{path} has {len(Path(path).read_text().split())} words"


@server.tool(structured_output=False)
def say(lines: list[str]) -> CallToolResult:
    """Each line as a content of its own."""
    return CallToolResult(content=[TextContent(type="text", text=line) for line in lines])


@server.tool(structured_output=False)
def fail(reason: str) -> str:
    raise ToolError(reason)


@server.tool(structured_output=False)
def picture() -> CallToolResult:
    """A picture, a page, and a link."""
    page = TextResourceContents(uri="page://../../etc/passwd", mime_type="text/html", text="<p>")
    return CallToolResult(
        content=[
            TextContent(type="text", text="look"),
            Image(data=b"\x89PNG", format="png").to_image_content(),
            EmbeddedResource(type="resource", resource=page),
            ResourceLink(type="resource_link", uri="https://example.org/x", name="x"),
        ]
    )


@server.tool(structured_output=False)
def environment() -> str:
    """What this process has been given of its environment, and where it works."""
    return "\n".join([*sorted(os.environ), f"cwd={sorted(os.listdir())}"])


@server.tool(structured_output=False)
def repeat(text: str, times: int) -> str:
    return text * times


if __name__ == "__main__":
    if sys.argv[1:]:
        server.run("streamable-http", host="127.0.0.1", port=int(sys.argv[1]))
    else:
        server.run()
