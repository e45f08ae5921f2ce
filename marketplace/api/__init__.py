"""The HTTP interface: parse, call one service, render. `docs/protocol.md` lists the calls."""
