"""The newest saved state of a running job, as the market keeps it."""

from dataclasses import dataclass

from marketplace.protocol.checkpoint import Checkpoint
from marketplace.protocol.manifest import Manifest


@dataclass(frozen=True, slots=True)
class CheckpointRecord:
    """What an agent signed, and the manifest that it commits to."""

    checkpoint: Checkpoint
    signature: str
    manifest: Manifest
    received_at: int
