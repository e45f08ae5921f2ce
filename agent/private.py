"""Keys of private jobs on an agent's machine: how a node waits for one and passes it on, and how an oracle finds it.

A key is held in memory for the length of a run and never journalled: after a restart the grant is fetched again. What
a run leaves is encrypted before it is kept (`hide`), so that nothing of a private job lies on this machine in the clear
once it is over, but for an image that a container engine keeps.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Event, Lock
from typing import TYPE_CHECKING, Any

import structlog
from eth_account.signers.local import LocalAccount

from agent.chain import Chain
from agent.votes import Undecided
from marketplace.client import MarketClient
from marketplace.client.age import recipient_of, seal
from marketplace.client.keyfile import load_or_make_identity
from marketplace.client.private import JobKey, make_grant, open_grant, read_grant, read_offers
from marketplace.client.terms import LeaseTerms
from marketplace.domain.signatures import require_signature
from marketplace.errors import AgentError, CannotDecrypt, InputError, InvalidSignature
from marketplace.protocol.eip712 import Domain
from marketplace.protocol.enums import Verification
from marketplace.protocol.manifest import Manifest, ManifestEntry
from marketplace.protocol.privacy import KeyGrant, KeyOffer, read_granted

if TYPE_CHECKING:
    from agent.work import Execution

log = structlog.get_logger("agent")
GRANT_SECONDS = 600
"""How long a node waits for the key of a job that it has leased, where its settings say nothing else."""
MOST_WAITING = 64
"""How many leases may wait for their keys beside those that run: each has a thread."""
RESERVE_SECONDS = 30
"""Left between the longest possible run and the deadline, for result and settlement."""
POLL_SECONDS = 1.0
ANNOUNCE_SECONDS = 600
"""How often an oracle says what its public key and its sandbox are: a market that lost its database learns it again."""

KeySource = Callable[[LeaseTerms, Event | None], JobKey | None]
"""A private job's key; None where the run is stopped before it came. Raises AgentError, Undecided."""


def open_identity(folder: Path) -> str:
    """This agent's secret key, in its data folder; made at its first start. Raises AgentError, see there."""
    return load_or_make_identity(folder / "identity.age")


def hide(execution: "Execution", key: JobKey | None) -> "Execution":
    """A run's outputs and logs as ciphertexts, and its manifest by keyed digests; without a key as it is."""
    if key is None:
        return execution
    files = {entry.path: execution.blobs[entry.digest] for entry in execution.manifest.entries}
    ciphertexts = {path: seal(data, key.recipient) for path, data in files.items()}
    sealed = {path: ManifestEntry.of(path, data) for path, data in ciphertexts.items()}
    return replace(
        execution,
        manifest=Manifest.build(key.entry(path, data) for path, data in files.items()),
        blobs={sealed[path].digest: data for path, data in ciphertexts.items()},
        sealed=Manifest.build(sealed.values()),
    )


class NodeKeys:
    """A leased node's side: the renter's grant, and its own to the oracles that are to run the job again."""

    def __init__(
        self,
        *,
        client: MarketClient,
        chain: Chain,
        domain: Domain,
        agent: LocalAccount,
        identity: str,
        seconds: float = GRANT_SECONDS,
        now: Callable[[], float] = time.time,
        pause: float = POLL_SECONDS,
    ) -> None:
        """`seconds` is how long it waits for a grant."""
        self._client, self._chain, self._domain, self._agent = client, chain, domain, agent
        self._identity, self._seconds, self._now, self._pause = identity, seconds, now, pause
        self._waiting, self._lock = 0, Lock()

    @property
    def waiting(self) -> int:
        """How many leases wait for their keys at this moment."""
        return self._waiting

    def await_grant(self, terms: LeaseTerms, stop: Event | None = None) -> None:
        """Return once the key is there, or the job is to stop; what it is is asked for again when the job runs.

        So a lease waits before it has a place on the machine, and nothing holds the key meanwhile. Raises as a call.
        """
        with self._counted():
            self._wait(terms, stop or Event())

    @contextmanager
    def _counted(self) -> Iterator[None]:
        with self._lock:
            self._waiting += 1
        try:
            yield
        finally:
            with self._lock:
                self._waiting -= 1

    def __call__(self, terms: LeaseTerms, stop: Event | None = None) -> JobKey | None:
        """As `KeySource`: waits for the grant. Raises AgentError where none comes in time, ServiceUnavailable."""
        key = self._wait(terms, stop or Event())
        if key is not None and terms.bid.verification == Verification.REEXECUTE:
            self._pass_on(terms, key)
        return key

    def _wait(self, terms: LeaseTerms, stop: Event) -> JobKey | None:
        bid = terms.bid
        until = min(self._now() + self._seconds, bid.deadline - bid.duration_seconds - RESERVE_SECONDS)
        reason = "its renter has not granted it to this machine"
        while not stop.is_set():
            for document in self._client.grants(bid.struct_hash(), self._agent.address):
                try:
                    return self._open(terms, document)
                except (CannotDecrypt, InputError, InvalidSignature) as error:
                    reason = str(error)
            if self._now() >= until:
                raise AgentError(f"No key of this private job: {reason.rstrip('.')}.", hint="`hive grant` gives it.")
            stop.wait(self._pause)
        return None

    def _open(self, terms: LeaseTerms, document: dict[str, Any]) -> JobKey:
        grant, signature = read_grant(document)
        require_signature(self._chain, self._domain, grant, terms.bid.renter, signature)
        _require_about(grant, terms, self._agent.address)
        assert terms.job_spec.privacy is not None, "only private jobs have keys"
        return open_grant(grant, read_granted(document), self._identity, terms.job_spec.privacy)

    def _pass_on(self, terms: LeaseTerms, key: JobKey) -> None:
        """Give the key to every oracle that has said what its own is: without k of them nobody would be paid.

        Done by the node, since the node loses by it if it is not: a renter that kept the key from oracles would have
        the result for nothing.
        """
        if key.secrets:
            raise AgentError("A job with secrets is not run again: oracles would need them, and they are not for them.")
        committee, grants = self._chain.committee(), []
        job_id, now = terms.bid.struct_hash(), int(self._now())
        for offer in read_offers(self._client.oracle_keys(), committee.members, self._domain):
            try:
                grants.append(make_grant(key, job_id, offer.oracle, offer.recipient, now))
            except InputError as error:
                log.warning("an oracle's key left aside", oracle=offer.oracle, error=str(error))
        if len(grants) < committee.threshold:
            raise AgentError(
                f"{len(grants)} of the committee have said what their public key is, and {committee.threshold} are"
                " needed to run a private job again."
            )
        for grant, ciphertext in grants:
            self._client.post_grant(grant, grant.sign(self._domain, self._agent.key), ciphertext)


class OracleKeys:
    """An oracle's side: its public key is announced, and jobs' keys come from the nodes that ran them, or from renters.

    From either, as either may keep a key back: a renter that does not want to pay, a node that lied. The commitment in
    the job's specification makes both keys the same.
    """

    def __init__(
        self,
        *,
        client: MarketClient,
        domain: Domain,
        account: LocalAccount,
        identity: str,
        sandbox: str,
        now: Callable[[], float] = time.time,
    ) -> None:
        """`sandbox` is the digest of the sandbox in which this oracle runs jobs again."""
        self._client, self._domain, self._account, self._identity, self._now = client, domain, account, identity, now
        self._sandbox = sandbox
        self._announced_at = -ANNOUNCE_SECONDS * 1.0

    def announce(self) -> None:
        """Say what this oracle's public key is, and its sandbox, now and then."""
        if self._now() - self._announced_at < ANNOUNCE_SECONDS:
            return
        recipient = recipient_of(self._identity)
        offer = KeyOffer(
            oracle=self._account.address,
            recipient=recipient,
            sandbox_digest=self._sandbox,
            offered_at=int(self._now()),
        )
        self._client.post_oracle_key(offer, offer.sign(self._domain, self._account.key))
        self._announced_at = self._now()

    def __call__(self, terms: LeaseTerms, stop: Event | None = None) -> JobKey:
        """As `KeySource`. Raises Undecided where nobody has granted one to this oracle, or none that is good."""
        reason = "neither node nor renter has granted one"
        for document in self._client.grants(terms.bid.struct_hash(), self._account.address):
            try:
                return self._open(terms, document)
            except (CannotDecrypt, InputError, InvalidSignature) as error:
                reason = str(error)
        raise Undecided(f"no key of this private job: {reason}")

    def _open(self, terms: LeaseTerms, document: dict[str, Any]) -> JobKey:
        grant, signature = read_grant(document)
        if grant.recover(self._domain, signature) not in (terms.ask.agent, terms.bid.renter):
            raise InvalidSignature("The grant was signed neither by the job's node nor by its renter.")
        _require_about(grant, terms, self._account.address)
        assert terms.job_spec.privacy is not None, "only private jobs have keys"
        return open_grant(grant, read_granted(document), self._identity, terms.job_spec.privacy)


def _require_about(grant: KeyGrant, terms: LeaseTerms, holder: str) -> None:
    if (grant.job_id, grant.holder) != (terms.bid.struct_hash(), holder):
        raise CannotDecrypt("The grant is about another job, or for another holder.")
