"""ComputeHive's marketplace: protocol, order book, clearing, services, HTTP API and the `hive` command."""

__version__ = "0.1.0"
