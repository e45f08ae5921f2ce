"""Clients in Python and TypeScript, generated from the OpenAPI document."""
