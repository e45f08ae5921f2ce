"""Makes and signs releases for daemons that update themselves: docs/how-to/release.md."""
