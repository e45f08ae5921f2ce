"""What test and server agree on."""

MARK = "31338"
"""Seconds that a process left behind sleeps, and how it is found."""
