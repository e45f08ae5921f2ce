"""Giving a private job's key to the machines that lease it, each checked against the chain first."""

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol

from marketplace.cli.output import short, talk
from marketplace.errors import (
    ChainUnavailable,
    MalformedMessage,
    NotFound,
    ServiceUnavailable,
    WaitTimeout,
)

if TYPE_CHECKING:
    from eth_account.signers.local import LocalAccount

    from marketplace.client import MarketClient
    from marketplace.client.private import JobKey
    from marketplace.client.terms import LeaseTerms
    from marketplace.domain.chain import ChainEvent, Committee
    from marketplace.protocol.eip712 import Domain


_AWAY = (ServiceUnavailable, ChainUnavailable, NotFound)
"""What is away for a moment, or a lease that the node of the chain has not seen yet: tried again."""


class LeaseChain(Protocol):
    """What is asked of the chain. `ChainReader` fulfils it."""

    @property
    def domain(self) -> "Domain": ...
    def events(self, first: int, last: int) -> "list[ChainEvent]": ...
    def is_agent(self, provider: str, agent: str) -> bool: ...
    def committee(self) -> "Committee": ...
    def has_code(self, account: str) -> bool: ...
    def is_valid_contract_signature(self, account: str, digest: str, signature: str) -> bool: ...


class Granter:
    """Gives one key. What was given is not given again by the same object."""

    def __init__(self, client: "MarketClient", reader: LeaseChain, account: "LocalAccount", key: "JobKey") -> None:
        self._client, self._reader, self._account, self._key = client, reader, account, key
        self._done: set[tuple[str, str]] = set()

    def __call__(self, job: dict[str, Any]) -> None:
        """`grant`, to be called again and again while the job goes on: what is away is tried again then."""
        with suppress(*_AWAY):
            self.grant(job)

    def grant(self, job: dict[str, Any]) -> int:
        """Give the key to every machine with an open lease; how many have it now, of all that leased the job.

        Raises MalformedMessage, InvalidSignature where the market names another machine than the chain, or another
        key than its provider signed; ServiceUnavailable, ChainUnavailable, NotFound.
        """
        for lease in job["leases"]:
            place = (job["jobId"], lease["leaseId"])
            if place not in self._done and not lease.get("outcome"):
                self._grant(job["jobId"], lease)
                self._done.add(place)
        return sum(job_id == job["jobId"] for job_id, _ in self._done)

    def wait(self, job_id: str, replicas: int, timeout: float) -> None:
        """Until all that lease the job have the key, or it is over. Raises WaitTimeout, and what `grant` raises."""
        from marketplace.client.waiting import is_over

        until = time.monotonic() + timeout
        while True:
            with suppress(*_AWAY):
                job = self._client.job(job_id)
                if self.grant(job) >= replicas or is_over(job):
                    return
            if time.monotonic() >= until:
                raise WaitTimeout(
                    f"Nobody has leased job {short(job_id)} after {timeout:.0f} s, so that nobody has its key.",
                    hint=f"`hive grant {short(job_id)}` gives it once somebody has.",
                )
            time.sleep(0.5)

    def _grant(self, job_id: str, lease: dict[str, Any]) -> None:
        from marketplace.client.private import make_grant
        from marketplace.protocol.enums import Verification

        terms = self._client.lease_terms(lease["leaseId"])
        require_leased(self._reader, self._reader.domain, job_id, lease, terms)
        recipient = terms.require_profile().recipient
        if recipient is None:
            raise MalformedMessage("NodeProfile.recipient", "is missing: this machine runs no private jobs")
        grant, ciphertext = make_grant(self._key, job_id, terms.ask.agent, recipient, int(time.time()))
        self._client.post_grant(grant, grant.sign(self._reader.domain, self._account.key), ciphertext)
        talk().print(
            f"  The job's key is granted to the machine {short(terms.ask.agent)}, which leased it.", style="dim"
        )
        if terms.bid.verification == Verification.REEXECUTE:
            self._grant_to_oracles(job_id)

    def _grant_to_oracles(self, job_id: str) -> None:
        """Its node does that too: one that lied would rather not. Only members of the committee on chain have it."""
        from marketplace.client.private import make_grant, read_offers

        members = self._reader.committee().members
        now = int(time.time())
        for offer in read_offers(self._client.oracle_keys(), members, self._reader.domain):
            with suppress(MalformedMessage):  # its key is none: the others' runs decide
                grant, ciphertext = make_grant(self._key, job_id, offer.oracle, offer.recipient, now)
                self._client.post_grant(grant, grant.sign(self._reader.domain, self._account.key), ciphertext)


def require_leased(
    reader: LeaseChain, domain: "Domain", job_id: str, lease: dict[str, Any], terms: "LeaseTerms"
) -> None:
    """Raises MalformedMessage, InvalidSignature unless the chain leased this job to the provider that signed the ask.

    So a market cannot have a job's key encrypted to a machine that leased nothing.
    """
    from marketplace.domain.chain import LeaseOpened
    from marketplace.domain.signatures import require_ask_signature

    number = int(lease["openedBlock"])
    opened = [
        event
        for event in reader.events(number, number)
        if isinstance(event, LeaseOpened) and event.lease_id == lease["leaseId"]
    ]
    if not opened:
        raise NotFound("lease on the chain", lease["leaseId"])
    if opened[0].bid_hash != job_id or terms.bid.struct_hash() != job_id:
        raise MalformedMessage("LeaseTerms.bid", f"lease {lease['leaseId']} is not of job {job_id}")
    if terms.job_spec.digest() != terms.bid.job_digest:
        raise MalformedMessage("LeaseTerms.jobSpec", "does not hash to the bid's jobDigest")
    if opened[0].provider != terms.ask.provider:
        raise MalformedMessage("LeaseTerms.ask", f"is of {terms.ask.provider}; the chain leased {opened[0].provider}")
    require_ask_signature(reader, domain, terms.ask, terms.ask_signature, reader.is_agent)
