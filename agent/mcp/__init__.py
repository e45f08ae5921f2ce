"""Tools of MCP servers as jobs, and this machine's sandboxes as an MCP server."""
