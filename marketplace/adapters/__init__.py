"""The world behind the ports: chain, database, files."""
