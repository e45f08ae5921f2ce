"""Making way for a better bid: what the market's notices say, whether they are justified, when a job is to be stopped.

A job that is stopped is paid nothing, so a notice is believed only with its evidence: the job must have allowed it, and
the round that is cited must have matched a signed bid, one that nobody may displace, with an ask of this machine, at no
less than the lease is worth. The round as it was read is kept in the journal: anybody can recompute it.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import structlog

from agent.chain import Signers
from agent.journal import Journal, WorkState
from marketplace.client.terms import LeaseTerms
from marketplace.domain.chain import LeaseOpened
from marketplace.errors import InputError, InvalidSignature, TranscriptMismatch
from marketplace.protocol.canonical import json_digest
from marketplace.protocol.eip712 import Domain
from marketplace.protocol.jobspec import JobSpec
from marketplace.protocol.messages import Ask, Bid

log = structlog.get_logger("provider")
GARBLED = (KeyError, TypeError, ValueError, AttributeError)
"""What reading a document raises that is not what it should be."""


class Sources(Protocol):
    """Where terms and transcripts come from. `MarketClient` fulfils it."""

    def lease_terms(self, lease_id: str) -> LeaseTerms: ...
    def transcript(self, number: int) -> dict[str, Any]: ...


class Evictions:
    """The notices that stand, each checked once."""

    def __init__(
        self, *, sources: Sources, chain: Signers, domain: Domain, agent: str, journal: Journal, now: Callable[[], int]
    ) -> None:
        self._sources, self._chain, self._domain = sources, chain, domain
        self._agent, self._journal, self._now = agent, journal, now
        self._refused: set[tuple[str, int]] = set()

    def hear(self, notices: Sequence[Mapping[str, Any]]) -> None:
        """Take in all notices that stand now: those that are new are checked, those that are gone are forgotten.

        Raises what asking the market raises; a notice that does not hold is logged and not heeded.
        """
        standing = {str(one.get("leaseId")): one for one in notices}
        for event in self._journal.leases(WorkState.SEEN):
            notice, known = standing.get(event.lease_id), self._journal.note(_key(event))
            if notice is None and known is not None:
                self._journal.record_note(_key(event), None)
                log.info("notice withdrawn", lease=event.lease_id)
            elif notice is not None and known is None and (event.lease_id, notice.get("round")) not in self._refused:
                self._take(event, notice)

    def due(self) -> list[LeaseOpened]:
        """Leases whose jobs are to be stopped now."""
        return [event for event in self._journal.leases(WorkState.SEEN) if self._is_due(event)]

    def _is_due(self, event: LeaseOpened) -> bool:
        note = self._journal.note(_key(event))
        return note is not None and note["stopsAt"] <= self._now()

    def _take(self, event: LeaseOpened, notice: Mapping[str, Any]) -> None:
        try:
            terms = self._sources.lease_terms(event.lease_id)
            transcript = self._sources.transcript(int(notice["round"]))
            seconds = check_notice(event, terms, notice, transcript, agent=self._agent)
            self._check_bid(transcript, str(notice["bidHash"]))
            stops_at = max(int(notice["stopsAt"]), self._now() + seconds)
        except (InputError, InvalidSignature, TranscriptMismatch, *GARBLED) as error:
            self._refused.add((event.lease_id, notice.get("round")))
            log.error("notice not heeded", lease=event.lease_id, reason=str(error))
            return
        # The notice counts from when it was given, but not less than what the renter was promised from here on.
        self._journal.record_note(_key(event), {"stopsAt": stops_at, "notice": dict(notice), "transcript": transcript})
        log.info("notice to make way", lease=event.lease_id, round=notice["round"], seconds=stops_at - self._now())

    def _check_bid(self, transcript: Mapping[str, Any], bid_hash: str) -> None:
        """Raises InvalidSignature unless its renter signed the bid; ChainUnavailable."""
        entry = _entry(transcript, bid_hash)
        bid, signature = Bid.parse(entry["bid"]), entry["signature"]
        try:
            if bid.recover(self._domain, signature) == bid.renter:
                return
        except InvalidSignature:
            pass
        digest = bid.digest(self._domain)
        if self._chain.has_code(bid.renter) and self._chain.is_valid_contract_signature(bid.renter, digest, signature):
            return
        raise InvalidSignature(f"The bid that displaces was not signed by {bid.renter}.", expected=bid.renter)


def check_notice(
    event: LeaseOpened,
    terms: LeaseTerms,
    notice: Mapping[str, Any],
    transcript: Mapping[str, Any],
    *,
    agent: str,
) -> int:
    """The seconds of notice that the job asks for. Raises TranscriptMismatch where the notice is not justified."""
    schedule = terms.job_spec.schedule
    ours = terms.bid.struct_hash() == event.bid_hash and terms.job_spec.digest() == terms.bid.job_digest
    _require(ours and schedule.is_preemptible, "the job does not allow it")
    _require(json_digest(dict(transcript)) == notice["roundDigest"], "the round is not the one that is cited")
    offered = [Ask.parse(one["ask"]) for one in transcript["asks"]]
    asks = {one.struct_hash() for one in offered if (one.provider, one.agent) == (event.provider, agent)}
    matches = [one for one in transcript["matches"] if one["bidHash"] == notice["bidHash"] and one["askHash"] in asks]
    _require(bool(matches), "the round did not match its bid with this machine")
    _require(int(matches[0]["price"]) >= event.price, "the bid pays less than the lease")
    entry = _entry(transcript, str(notice["bidHash"]))
    spec = JobSpec.parse(entry["jobSpec"])
    _require(spec.digest() == Bid.parse(entry["bid"]).job_digest, "the bid is for another job")
    _require(not spec.schedule.is_preemptible, "the bid is preemptible itself")
    return schedule.preemption_notice_seconds or 0


def _entry(transcript: Mapping[str, Any], bid_hash: str) -> Mapping[str, Any]:
    found = next((one for one in transcript["bids"] if Bid.parse(one["bid"]).struct_hash() == bid_hash), None)
    if found is None:
        raise TranscriptMismatch("The round that is cited does not have the bid that displaces.")
    return found


def _require(holds: bool, problem: str) -> None:
    if not holds:
        raise TranscriptMismatch(f"The notice does not hold: {problem}.")


def _key(event: LeaseOpened) -> str:
    return f"notice/{event.lease_id}"
