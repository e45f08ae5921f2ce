"""A provider that replaces itself, where its owner wants that: signed releases, installed beside, tried, then switched.

Off by default. What is signed is read by The Update Framework (`source`), in a process of its own, so that a daemon
never carries that code; why each part is as it is: docs/decisions/0039-self-update.md.
"""
