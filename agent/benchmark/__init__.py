"""`hive provider benchmark`: standard workloads that say what this machine does, for renters to compare nodes by."""

VERSION = 1
"""Raised whenever a workload changes in a way that its score could."""
