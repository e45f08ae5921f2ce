"""Use cases, one verb a function: load, compute, apply. No network call inside a database transaction."""
