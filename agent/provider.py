"""The provider daemon: keeps an ask standing, runs what the chain leased, attests to it.

Who pays is what the contract's events say; the market is asked for terms and bytes, and believed in neither: terms must
hash to what the chain recorded, bytes to their digest.
"""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any

import structlog
from eth_account.signers.local import LocalAccount
from eth_utils import to_checksum_address

from agent.daemon import each, run_steps
from agent.follow import Chain, follow_leases
from agent.journal import Journal, WorkState
from agent.outputs import Outputs
from agent.sandbox import sandbox_digest
from agent.work import Execution, Runner, check_terms
from marketplace.client import MarketClient
from marketplace.domain.chain import LeaseClosed, LeaseOpened
from marketplace.errors import MalformedMessage, MarketError, NotFound, ServiceUnavailable
from marketplace.protocol.eip712 import Domain
from marketplace.protocol.manifest import Manifest
from marketplace.protocol.messages import Ask, Attestation, Cancel, Heartbeat, Receipt
from marketplace.protocol.metering import Rates, compute_metered_usage, compute_pay
from marketplace.protocol.profile import NodeProfile
from marketplace.protocol.units import FUEL_PER_GFUEL, format_usdc

log = structlog.get_logger("provider")
HEARTBEAT_SECONDS = 10
MAX_ATTEMPTS = 3
"""How often a job is started that fails in a way nobody expected."""
RENEW_BEFORE_SECONDS = 300
"""An ask is replaced this long before it lapses."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What this provider offers, as it goes into each ask."""

    rates: Rates
    units: int
    valid_seconds: int
    profile: NodeProfile


class ProviderDaemon:
    """One provider's machine. `run` goes on until told to stop; each step may also be taken by hand."""

    def __init__(
        self,
        *,
        client: MarketClient,
        chain: Chain,
        domain: Domain,
        market: str,
        provider: LocalAccount,
        agent: LocalAccount,
        offer: Offer,
        runner: Runner,
        journal: Journal,
        blobs: Path,
        accept: Callable[[Receipt, str], object],
        now: Any = lambda: int(time.time()),
    ) -> None:
        self._client, self._chain, self._domain, self._market = client, chain, domain, to_checksum_address(market)
        self._provider, self._agent, self._offer = provider, agent, offer
        self._runner, self._journal, self._outputs, self._now = runner, journal, Outputs(blobs), now
        self._accept = accept
        self._pool = ThreadPoolExecutor(max_workers=offer.units, thread_name_prefix="job")
        self._running: dict[str, Future[None]] = {}
        self._failures: dict[str, int] = {}
        self._last_heartbeat = 0

    def run(self, stop: Event, pause: float = 0.3) -> None:
        """Work until `stop`; running jobs are left to the next start, the ask is withdrawn."""
        offering = (self.keep_ask, self.send_heartbeat)
        steps = (*offering, self.follow, self.start_jobs, self.post_attestations, self.send_receipts)
        try:
            run_steps(steps, stop, pause)
            self.withdraw_ask()
        finally:
            self._pool.shutdown(wait=False, cancel_futures=True)

    # --- the standing ask ------------------------------------------------------------------------------------------

    def keep_ask(self) -> None:
        """Post an ask, or replace the one that is about to lapse or no longer says what is offered."""
        note = self._journal.note("ask")
        if note is not None and self._is_current(Ask.parse(note["ask"])):
            if not note["posted"]:
                self._post_ask(note)
            return
        if note is not None:
            self._withdraw(Ask.parse(note["ask"]))
        ask = self._new_ask()
        note = {"ask": ask.to_json(), "signature": ask.sign(self._domain, self._provider.key), "posted": False}
        self._journal.record_note("ask", note)
        self._post_ask(note)

    def withdraw_ask(self) -> None:
        """Take the standing ask back: nobody shall be matched to a machine that has stopped."""
        note = self._journal.note("ask")
        if note is None:
            return
        try:
            self._withdraw(Ask.parse(note["ask"]))
        except MarketError as error:
            log.warning("the ask could not be withdrawn; it lapses by itself", error=str(error))
            return
        self._journal.record_note("ask", None)
        log.info("ask withdrawn")

    def _is_current(self, ask: Ask) -> bool:
        same_offer = (
            ask.rates == self._offer.rates
            and ask.units == self._offer.units
            and ask.profile_digest == self._offer.profile.digest()
            and ask.market == self._market
            and ask.agent == self._agent.address
        )
        return same_offer and ask.valid_until > self._now() + RENEW_BEFORE_SECONDS

    def _new_ask(self) -> Ask:
        rates = self._offer.rates
        return Ask(
            provider=self._provider.address,
            market=self._market,
            agent=self._agent.address,
            profile_digest=self._offer.profile.digest(),
            gpu_hour_rate=rates.gpu_hour,
            vcpu_hour_rate=rates.vcpu_hour,
            gb_hour_rate=rates.gb_hour,
            gfuel_rate=rates.gfuel,
            egress_gb_rate=rates.egress_gb,
            minimum_charge=rates.minimum,
            units=self._offer.units,
            valid_until=self._now() + self._offer.valid_seconds,
            salt=time.time_ns(),
        )

    def _post_ask(self, note: dict[str, Any]) -> None:
        posted = self._client.post_ask(Ask.parse(note["ask"]), note["signature"], self._offer.profile.to_json())
        self._journal.record_note("ask", note | {"posted": True})
        log.info("ask stands", ask=posted["askHash"], units=self._offer.units)

    def _withdraw(self, ask: Ask) -> None:
        if ask.valid_until <= self._now():
            return
        cancel = Cancel(signer=self._provider.address, salt=ask.salt, all_before=False)
        self._client.cancel(cancel, cancel.sign(self._domain, self._provider.key))

    def send_heartbeat(self) -> None:
        """Say that this machine is alive."""
        if self._now() - self._last_heartbeat < HEARTBEAT_SECONDS:
            return
        beat = Heartbeat(agent=self._agent.address, profile_digest=self._offer.profile.digest(), sent_at=self._now())
        self._client.heartbeat(beat, beat.sign(self._domain, self._agent.key))
        self._last_heartbeat = self._now()

    # --- leases ----------------------------------------------------------------------------------------------------

    def follow(self) -> None:
        """Learn of new and closed leases from the chain."""
        follow_leases(self._chain, self._journal, lambda event: event.agent == self._agent.address, _tell_closed)

    def start_jobs(self) -> None:
        """Start what is leased and not running, as far as units allow."""
        for lease_id in [key for key, future in self._running.items() if future.done()]:
            self._look_back(lease_id, self._running.pop(lease_id).exception())
        for event in self._journal.leases(WorkState.SEEN):
            if event.lease_id in self._running or len(self._running) >= self._offer.units:
                continue
            if event.agent != self._agent.address:
                continue  # of another key that used this journal: this one's word would count for nothing
            if event.deadline <= self._now():
                self._journal.record_declined(event.lease_id, "the deadline has passed")
                continue
            self._running[event.lease_id] = self._pool.submit(self.run_lease, event)

    def _look_back(self, lease_id: str, failure: BaseException | None) -> None:
        """A run that failed for want of the market is tried again; one that fails by itself only so often."""
        if failure is None:
            return
        if isinstance(failure, MarketError):
            log.warning("will try again", lease=lease_id, error=str(failure))
            return
        self._failures[lease_id] = self._failures.get(lease_id, 0) + 1
        log.error("job run failed", lease=lease_id, attempt=self._failures[lease_id], exc_info=failure)
        if self._failures[lease_id] >= MAX_ATTEMPTS:
            self._journal.record_declined(lease_id, f"failed {MAX_ATTEMPTS} times: {failure}")

    def run_lease(self, event: LeaseOpened) -> None:
        """Run one lease's job and journal its signed attestation. Raises ServiceUnavailable (tried again later)."""
        try:
            terms = self._client.lease_terms(event.lease_id)
            check_terms(event, terms)
        except NotFound as error:
            raise ServiceUnavailable(f"The market does not know the terms of {event.lease_id} yet.") from error
        except MalformedMessage as error:
            log.error("lease declined", lease=event.lease_id, reason=str(error))
            self._journal.record_declined(event.lease_id, str(error))
            return
        started = self._now()
        execution = self._runner(terms)
        attestation = self._attest(event, execution, started)
        for digest, data in execution.blobs.items():
            self._outputs.keep(digest, data)
        self._journal.record_attested(
            event.lease_id,
            {
                "attestation": attestation.to_json(),
                "signature": attestation.sign(self._domain, self._agent.key),
                "manifest": execution.manifest.to_json(),
            },
        )
        log.info(
            "job ended", lease=event.lease_id, exit=execution.exit_kind.name.lower(), code=execution.exit_code,
            gfuel=round(execution.fuel_used / FUEL_PER_GFUEL, 3), seconds=round(execution.wall_seconds, 3),
            detail=execution.detail,
        )  # fmt: skip

    def _attest(self, event: LeaseOpened, execution: Execution, started: int) -> Attestation:
        return Attestation(
            lease_id=event.lease_id,
            job_digest=event.job_digest,
            result_digest=execution.result_digest,
            fuel=execution.fuel_used,
            wall_seconds=int(execution.wall_seconds),
            egress_bytes=execution.manifest.egress_bytes,
            exit_kind=execution.exit_kind,
            exit_code=execution.exit_code,
            sandbox_digest=sandbox_digest(),
            started_at=started,
            finished_at=self._now(),
        )

    def post_attestations(self) -> None:
        """Upload outputs, logs and the attestation of every job that has ended; the market takes each once."""
        each(self._journal.leases(WorkState.ATTESTED), self._post_attestation)

    def _post_attestation(self, event: LeaseOpened) -> None:
        evidence = self._journal.evidence(event.lease_id)
        assert evidence is not None, "an attested lease has its evidence"
        manifest = Manifest.parse(evidence["manifest"])
        for entry in manifest.entries:
            if not self._client.has_blob(entry.digest):
                self._client.put_blob(self._outputs.read(entry.digest), entry.digest)
        attestation = Attestation.parse(evidence["attestation"])
        self._client.post_attestation(event.lease_id, attestation, evidence["signature"], manifest)
        self._journal.record_posted(event.lease_id)
        for entry in manifest.entries:
            self._outputs.drop(entry.digest)

    def send_receipts(self) -> None:
        """Submit renters' receipts for less than the lock: only this provider's own call makes one count.

        The pay must be at least what the attested usage is worth; otherwise the oracles shall decide.
        """
        each(self._journal.leases(WorkState.POSTED), self._send_receipt)

    def _send_receipt(self, event: LeaseOpened) -> None:
        given = self._client.lease(event.lease_id).get("receipt")
        if given is None:
            return
        receipt = Receipt.parse(given["receipt"])
        if receipt.lease_id == event.lease_id and event.price > receipt.pay >= self._worth(event):
            self._accept(receipt, given["signature"])
            log.info("receipt sent", lease=event.lease_id, pay=f"{format_usdc(receipt.pay)} USDC")

    def _worth(self, event: LeaseOpened) -> int:
        """Gross pay for what was attested, micro-USDC; the whole price where nothing can be metered."""
        evidence = self._journal.evidence(event.lease_id)
        assert evidence is not None, "a posted lease has its evidence"
        attestation = Attestation.parse(evidence["attestation"])
        terms = self._client.lease_terms(event.lease_id)
        check_terms(event, terms)
        used = compute_metered_usage(terms.bid.resources, attestation.fuel, attestation.egress_bytes)
        return compute_pay(terms.ask.rates, terms.bid.resources, used, event.price)


def _tell_closed(event: LeaseClosed) -> None:
    log.info(
        "lease settled", lease=event.lease_id, outcome=event.outcome.name.lower(), by=event.reason.name.lower(),
        earned=f"{format_usdc(event.paid)} USDC",
    )  # fmt: skip
