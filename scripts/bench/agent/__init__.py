"""Measurements of what a provider's machine does for jobs."""
