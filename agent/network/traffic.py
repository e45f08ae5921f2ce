"""What a job has sent and been sent over its network, and where that ends."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one job's proxy does at most. Bytes are those within its tunnels."""

    sent_bytes: int
    received_bytes: int
    connections: int = 32
    """At once; further ones wait, as with any server that is busy."""
    pause_seconds: float = 0.01
    """Between two connections that are taken: a flood of them costs this agent little."""
    head_seconds: float = 10.0
    """For the request before the tunnel."""
    connect_seconds: float = 15.0
    """For each address that is tried."""
    idle_seconds: float = 300.0
    """After which a tunnel through which nothing has gone either way is closed."""


class Traffic:
    """Counted by the proxy's thread, read by others."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self.sent = self.received = 0
        self.overflow = ""
        """Which bound was passed; empty while none was."""

    def pass_sent(self, count: int) -> int:
        """How many of `count` bytes that the job sends may go on."""
        passed = min(count, self._bounds.sent_bytes - self.sent)
        self.sent += passed
        if passed < count:
            self.overflow = f"it sent more than the {self._bounds.sent_bytes} bytes that its egress leaves it"
        return passed

    def pass_received(self, count: int) -> int:
        """How many of `count` bytes that come for the job may go on."""
        passed = min(count, self._bounds.received_bytes - self.received)
        self.received += passed
        if passed < count:
            self.overflow = f"it was sent more than the {self._bounds.received_bytes} bytes that it lets itself be sent"
        return passed
