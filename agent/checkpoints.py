"""Checkpoints of running jobs on their way to the market: the newest of each lease, sent in the daemon's own time.

Not journalled: what was not sent when the daemon was killed is lost. Sending has a thread of its own, so that a large
state holds up nothing else, and an end: nobody pays for it.

A job that runs again (the daemon was killed, or could not finish its work) passes through all its states once more.
What is journalled is how long the program had run when the state that was sent last was taken: those that a later run
reaches sooner are earlier ones, and are left aside.
"""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from threading import Lock

import structlog
from eth_account.signers.local import LocalAccount

from agent.journal import Journal
from agent.sandbox.snapshots import Files, Freeze, Snapshots
from marketplace.client import MarketClient
from marketplace.client.age import seal
from marketplace.client.terms import LeaseTerms
from marketplace.errors import ConflictError, InputError, MarketError, NotFound, TooLarge
from marketplace.protocol.canonical import sha256_digest
from marketplace.protocol.checkpoint import Checkpoint
from marketplace.protocol.eip712 import Domain
from marketplace.protocol.manifest import OUTPUT_PREFIX, Manifest, ManifestEntry
from marketplace.protocol.privacy import Privacy
from marketplace.protocol.units import BYTES_PER_MB

log = structlog.get_logger("provider")
MOST_SENT = 20
"""Times the egress that a bid buys: so many bytes of state are sent for one lease, and no more."""


@dataclass(frozen=True, slots=True)
class _State:
    """One that waits to be sent."""

    checkpoint: Checkpoint
    files: Files
    seconds: float
    """How long the program had run."""


class Checkpoints:
    """Those that this daemon has yet to send."""

    def __init__(
        self, *, client: MarketClient, domain: Domain, agent: LocalAccount, now: Callable[[], int], journal: Journal
    ) -> None:
        self._client, self._domain, self._agent, self._now, self._journal = client, domain, agent, now, journal
        self._waiting: dict[str, _State] = {}
        self._last: dict[str, int] = {}
        self._reached: dict[str, float] = {}
        self._sent: dict[str, int] = {}
        self._lock = Lock()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="checkpoint")
        self._posting: Future[None] | None = None

    def of(self, lease_id: str, terms: LeaseTerms, is_leaving: Callable[[], bool] = lambda: False) -> Snapshots | None:
        """What a run of this lease hands its state to; None for a job that saves none.

        `is_leaving`: whether the daemon ends, so that what it stops is for its next start to go on with.
        """
        wanted = terms.job_spec.checkpoint
        if wanted is None:
            return None
        most, privacy = MOST_SENT * terms.bid.egress_mb * BYTES_PER_MB, terms.job_spec.privacy
        self._recall(lease_id)

        def keep(files: Files) -> None:
            self._keep(lease_id, terms.bid.job_digest, _sealed(files, privacy), snapshots.ran_seconds, most)

        freeze = Freeze(lease_id, terms.bid.deadline, is_leaving) if wanted.freeze else None
        snapshots = Snapshots(wanted.directory, wanted.interval_seconds, keep, freeze=freeze)
        return snapshots

    def post_aside(self) -> None:
        """Have `post` at work in its own thread; raises what became of the last time."""
        if self._posting is not None and not self._posting.done():
            return
        last, self._posting = self._posting, None
        if last is not None:
            last.result()
        if self._waiting:
            self._posting = self._pool.submit(self.post)

    def finish(self) -> None:
        """Send what the last looks have seen, as far as the market takes it now."""
        self._pool.shutdown(wait=True)
        with suppress(MarketError):
            self.post()

    def post(self) -> None:
        """Send what waits; what the market refuses is dropped. Raises ServiceUnavailable where it is away."""
        with self._lock:
            waiting = list(self._waiting.values())
        for state in waiting:
            self._post(state)
            with self._lock:
                if self._waiting.get(state.checkpoint.lease_id) is state:
                    del self._waiting[state.checkpoint.lease_id]

    def _recall(self, lease_id: str) -> None:
        """What the state that was sent last, maybe before a restart, says about those to come."""
        sent = self._journal.note(_note(lease_id)) or {"seconds": 0.0, "takenAt": 0}
        with self._lock:
            self._reached[lease_id] = max(sent["seconds"], self._reached.get(lease_id, 0.0))
            self._last[lease_id] = max(sent["takenAt"], self._last.get(lease_id, 0))

    def _keep(self, lease_id: str, job_digest: str, files: Files, seconds: float, most: int) -> None:
        """The newest replaces what has not been sent; two within a second count upwards. Raises TooLarge."""
        with self._lock:
            if seconds < self._reached[lease_id]:
                return
            size = sum(map(len, files.values()))
            if self._sent.get(lease_id, 0) + size > most:
                raise TooLarge("The states of this lease together", self._sent.get(lease_id, 0) + size, most)
            self._sent[lease_id] = self._sent.get(lease_id, 0) + size
            taken_at = max(self._now(), self._last[lease_id] + 1)
            self._last[lease_id], self._reached[lease_id] = taken_at, seconds
            root = _manifest(files).root()
            checkpoint = Checkpoint(lease_id=lease_id, job_digest=job_digest, root=root, taken_at=taken_at)
            self._waiting[lease_id] = _State(checkpoint, files, seconds)

    def _post(self, state: _State) -> None:
        checkpoint, files = state.checkpoint, state.files
        try:
            for data in files.values():
                digest = sha256_digest(data)
                if not self._client.has_blob(digest):
                    self._client.put_blob(data, digest)
            sent = {"seconds": state.seconds, "takenAt": checkpoint.taken_at}
            self._journal.record_note(_note(checkpoint.lease_id), sent)
            signature = checkpoint.sign(self._domain, self._agent.key)
            self._client.post_checkpoint(checkpoint, signature, _manifest(files))
        except (NotFound, ConflictError, InputError) as error:
            log.info("checkpoint not taken", lease=checkpoint.lease_id, reason=str(error))
            return
        size = sum(map(len, files.values()))
        log.info("checkpoint saved", lease=checkpoint.lease_id, files=len(files), bytes=size)


def _note(lease_id: str) -> str:
    return f"checkpoint {lease_id}"


def _sealed(files: Files, privacy: Privacy | None) -> Files:
    """A private job's state as ciphertexts: they become inputs of the rest of the job, which has the same key."""
    if privacy is None:
        return files
    return {path: seal(data, privacy.recipient) for path, data in files.items()}


def _manifest(files: Files) -> Manifest:
    return Manifest.build(ManifestEntry.of(OUTPUT_PREFIX + path, data) for path, data in files.items())
