"""What a running job has printed so far, piece by piece, as its agent signs it. Never goes on chain.

It proves nothing and pays nobody: what counts is the log that the result's manifest names.
"""

from marketplace.protocol.eip712 import Bytes32, TypedMessage, Uint8, Uint64
from marketplace.protocol.enums import Verification
from marketplace.protocol.jobspec import JobSpec
from marketplace.protocol.messages import Bid

STDOUT, STDERR = 1, 2
STREAMS = {STDOUT: "stdout", STDERR: "stderr"}
"""Numbers of `LogChunk.stream`, and what people call them."""
MAX_CHUNK_BYTES = 65_536
MAX_LOG_BYTES = 1_000_000
"""Of each stream of one run: as much as a sandbox keeps."""


class LogChunk(TypedMessage):
    """The agent's word for some bytes of a stream that its lease's job is writing."""

    lease_id: Bytes32
    started_at: Uint64
    """Of the run, unix seconds by the agent's clock. A later run of the same lease begins its streams anew."""
    stream: Uint8
    offset: Uint64
    """Bytes of this stream that come before."""
    data_digest: Bytes32
    """SHA-256 of the bytes."""


def streaming_obstacle(bid: Bid, spec: JobSpec) -> str:
    """Why a job's output is not shown before its end; empty where it may be. Agents and markets ask nowhere else.

    What may be read while a job runs is what anybody may read of its result later.
    """
    if spec.privacy is not None:
        return "The job is private: its output leaves its machine encrypted, with the result."
    if bid.verification == Verification.REPLICATE:
        return "Replicas vote: whoever could read one's output while it runs could hand it in without running anything."
    return ""
