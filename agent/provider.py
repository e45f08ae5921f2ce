"""The provider daemon: keeps an ask standing, runs what the chain leased, attests to it, claims what nobody settles.

Who pays is what the contract's events say; the market is asked for terms and bytes, and believed in neither: terms must
hash to what the chain recorded, bytes to their digest.
"""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from random import Random
from threading import Event

import structlog
from eth_account.signers.local import LocalAccount
from eth_utils import to_checksum_address

from agent.attest import attest, sign_evidence
from agent.attester import Attester
from agent.chain import Chain
from agent.checkpoints import Checkpoints
from agent.claims import Claims, Hand
from agent.daemon import Step, each, run_steps
from agent.drain import Drain
from agent.earnings import tell_closed
from agent.evictions import Evictions
from agent.follow import follow_leases
from agent.heartbeats import Heartbeats
from agent.journal import Journal, WorkState
from agent.live_logs import LiveLogs
from agent.offer import Offer, StandingAsk
from agent.outputs import Outputs
from agent.pauses import Pauses
from agent.posting import post_evidence
from agent.prices import Prices
from agent.private import MOST_WAITING
from agent.receipts import Receipts
from agent.rounds import Rounds
from agent.work import Execution, Hooks, Runner, check_ask, check_terms, limits_of, refuse
from agent.work_feed import CHAIN_SECONDS, WorkFeed
from marketplace.client import MarketClient
from marketplace.client.terms import LeaseTerms
from marketplace.domain.chain import LeaseOpened
from marketplace.domain.work import LEASES, RECEIPTS
from marketplace.errors import (
    InvalidSignature,
    MalformedMessage,
    MarketError,
    NotFound,
    ServiceUnavailable,
    TranscriptMismatch,
)
from marketplace.protocol.eip712 import Domain
from marketplace.protocol.enums import ExitKind
from marketplace.protocol.units import FUEL_PER_GFUEL

log = structlog.get_logger("provider")
MAX_ATTEMPTS = 3
"""How often a job is started that fails in a way nobody expected; then that is what is attested."""


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
        hand: Hand,
        claim_margin: int,
        attester: Attester | None = None,
        live_logs: LiveLogs | None = None,
        is_price_automatic: bool = False,
        pauses: Pauses | None = None,
        count_waiting: Callable[[], int] = lambda: 0,
        draw: Random | None = None,
        feed: WorkFeed | None = None,
        now: Callable[[], int] = lambda: int(time.time()),
    ) -> None:
        self._client, self._chain, self._domain, self._market = client, chain, domain, to_checksum_address(market)
        self._provider, self._agent, self._offer = provider, agent, offer
        self._runner, self._journal, self._outputs, self._now = runner, journal, Outputs(blobs), now
        self._attester = attester or Attester(chain=chain, domain=domain, agent=agent.address, now=now)
        self._checkpoints = Checkpoints(client=client, domain=domain, agent=agent, now=now, journal=journal)
        self._live_logs, self._rounds, self._pauses, self._waits = live_logs, Rounds(client), pauses, count_waiting
        self._prices = Prices(journal, offer.rates, is_automatic=is_price_automatic, now=now, draw=draw or Random())
        self._ask = StandingAsk(
            client=client, chain=chain, domain=domain, market=self._market, provider=provider, agent=agent.address,
            offer=offer, journal=journal, now=now,
        )  # fmt: skip
        self._claims = Claims(
            client=client, chain=chain, hand=hand, provider=provider.address, agent=agent.address, journal=journal,
            margin=claim_margin, now=now,
        )  # fmt: skip
        self._receipts = Receipts(client=client, hand=hand, claims=self._claims, journal=journal)
        self._drain = Drain(journal=journal, ask=self._ask, chain=chain, provider=provider.address, now=now)
        self._evictions = Evictions(
            sources=client, chain=chain, domain=domain, agent=agent.address, journal=journal, now=now
        )
        self._feed = feed or WorkFeed()
        self._heartbeats = Heartbeats(
            client=client, domain=domain, agent=agent, profile_digest=offer.profile.digest(), drain=self._drain,
            evictions=self._evictions, feed=self._feed, now=now,
        )  # fmt: skip
        self._pool = ThreadPoolExecutor(max_workers=offer.units + MOST_WAITING, thread_name_prefix="job")
        self._running: dict[str, Future[None]] = {}
        self._stops: dict[str, Event] = {}
        self._leaving = Event()
        """Set once `run` ends, before every job is stopped."""
        self._failures, self.is_heard = dict[str, int](), self._heartbeats.is_heard

    def run(self, stop: Event, pause: float = 0.3, drain: Event | None = None, beside: Sequence[Step] = ()) -> None:
        """Work until `stop`, with the steps `beside`; running jobs are left to the next start, the ask is withdrawn.

        After `drain`, or once the journal says so (`agent.drain`), until nothing is left to be done; sets `stop` then.
        """

        def leave() -> None:
            if drain is not None and drain.is_set():
                drain.clear()
                self._drain.ask_for_good()
            if self.leave_in_order():
                stop.set()

        follow = self._feed.when_told(self.follow, LEASES, slow=CHAIN_SECONDS, untold=0.0)
        paid = (self._feed.when_told(self.send_receipts, RECEIPTS), self.claim_unsettled, self.release_claims)
        working = (follow, self.start_jobs, self.make_way, self.post_checkpoints, self.post_attestations)
        steps = (self.keep_ask, self.send_heartbeat, *working, *paid, leave, *beside)
        self._feed.start()
        try:
            run_steps(steps, stop, pause, rest=lambda seconds: self._feed.rest(seconds, stop))
            self.withdraw_ask()
        finally:
            self._feed.stop()
            self._leaving.set()
            for running in list(self._stops.values()):
                running.set()  # the process waits for its threads, and a container would outlive it
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._checkpoints.finish()

    # --- the standing offer ----------------------------------------------------------------------------------------

    def keep_ask(self) -> None:
        """Post an ask, or replace the one that lapses soon, is void or says something else. Take it back in a pause."""
        if self._drain.is_asked:
            return
        if self._pauses is not None and self._pauses.is_paused():
            self._ask.take_back()
            return
        self._prices.keep()
        self._ask.set_rates(self._prices.rates)
        self._ask.keep()

    def leave_in_order(self) -> bool:
        """One step of leaving, where that was asked for: True once nothing is left to be done."""
        if not self._drain.is_asked:
            return False
        for event in self._drain.overdue():  # even while the market does not answer
            self._stop_of(event).set()
        if self._drain.take_back_ask():
            self._heartbeats.hurry()
        return self._drain.is_over()

    def withdraw_ask(self) -> None:
        """Take the standing ask back: nobody shall be matched to a machine that has stopped."""
        self._ask.withdraw()

    def send_heartbeat(self) -> None:
        """Say that this machine is alive."""
        self._heartbeats.send()

    # --- leases ----------------------------------------------------------------------------------------------------

    def follow(self) -> None:
        """Learn of new and closed leases from the chain."""
        follow_leases(self._chain, self._journal, self._is_mine, tell_closed)

    def _is_mine(self, event: LeaseOpened) -> bool:
        return event.provider == self._provider.address and event.market == self._market

    def start_jobs(self) -> None:
        """Start what is leased and not running, as far as units allow. Who waits for a key takes none yet."""
        for lease_id in [key for key, future in self._running.items() if future.done()]:
            self._look_back(lease_id, self._running.pop(lease_id).exception())
        most = self._offer.units + min(self._waits(), MOST_WAITING)
        for event in self._journal.leases(WorkState.SEEN):
            if event.lease_id in self._running or len(self._running) >= most:
                continue
            if event.deadline <= self._now():
                self._journal.record_declined(event.lease_id, "the deadline has passed")
                continue
            self._running[event.lease_id] = running = self._pool.submit(self.run_lease, event)
            running.add_done_callback(lambda _: self._feed.wake())

    def _stop_of(self, event: LeaseOpened) -> Event:
        """One for each lease, whichever thread asks first."""
        stop = self._stops.setdefault(event.lease_id, Event())
        if self._leaving.is_set():
            stop.set()
        return stop

    def make_way(self) -> None:
        """Stop jobs whose notice is over; they are attested as evicted."""
        for event in self._evictions.due():
            self._stop_of(event).set()

    def _look_back(self, lease_id: str, failure: BaseException | None) -> None:
        """A run that failed for want of the market is tried again; one that fails by itself only so often."""
        if failure is None:
            return
        if isinstance(failure, MarketError):
            log.warning("will try again", lease=lease_id, error=str(failure))
            return
        self._failures[lease_id] = self._failures.get(lease_id, 0) + 1
        log.error("job run failed", lease=lease_id, attempt=self._failures[lease_id], exc_info=failure)
        if self._failures[lease_id] > MAX_ATTEMPTS:  # it could not even say so
            self._journal.record_declined(lease_id, f"failed {MAX_ATTEMPTS} times: {failure}")

    def run_lease(self, event: LeaseOpened) -> None:
        """Run one lease's job and journal its signed attestation. Raises ServiceUnavailable (tried again later)."""
        try:
            terms = self._client.lease_terms(event.lease_id)
            check_terms(event, terms)
            check_ask(self._chain, self._domain, terms, event)
            self._rounds.check(event, terms)
            if terms.ask.agent != self._agent.address:
                raise MalformedMessage("terms.ask", "is of another machine of this provider")
        except NotFound as error:
            raise ServiceUnavailable(f"The market does not know the terms of {event.lease_id} yet.") from error
        except (MalformedMessage, InvalidSignature, TranscriptMismatch) as error:
            log.error("lease declined", lease=event.lease_id, reason=str(error))
            self._journal.record_declined(event.lease_id, str(error))
            return
        started = self._now()
        if self._leaving.is_set():
            return
        execution = self._attester.execute(event, terms, lambda: self._run_job(event, terms))
        if self._leaving.is_set() and execution.exit_kind is ExitKind.EVICTED:
            return  # by our own stop: the next start runs it again
        attestation = attest(event.lease_id, terms, execution, started, self._now())
        for digest, data in execution.blobs.items():
            self._outputs.keep(digest, data)
        evidence = sign_evidence(attestation, terms, execution, self._offer.profile, self._agent, self._domain)
        self._journal.record_attested(event.lease_id, evidence)
        self._prices.note_lease(terms, attestation)
        log.info(
            "job ended", lease=event.lease_id, exit=execution.exit_kind.name.lower(), code=execution.exit_code,
            gfuel=round(execution.fuel_used / FUEL_PER_GFUEL, 3), seconds=round(execution.wall_seconds, 3),
            detail=execution.detail,
        )  # fmt: skip

    def _run_job(self, event: LeaseOpened, terms: LeaseTerms) -> Execution:
        if self._failures.get(event.lease_id, 0) >= MAX_ATTEMPTS:
            return refuse(f"This machine failed at it {MAX_ATTEMPTS} times.", limits_of(terms.bid).egress_bytes)
        stop, snapshots = self._stop_of(event), self._checkpoints.of(event.lease_id, terms, self._leaving.is_set)
        with self._live_logs.of(event.lease_id, terms) if self._live_logs else nullcontext() as printed:
            return self._runner(terms, Hooks(stop, snapshots, printed))

    def post_checkpoints(self) -> None:
        """Send what running jobs have saved."""
        self._checkpoints.post_aside()

    def post_attestations(self) -> None:
        """Upload outputs, logs and the attestation of every job that has ended; the market takes each once."""
        each(self._journal.leases(WorkState.ATTESTED), self._post_attestation)

    def _post_attestation(self, event: LeaseOpened) -> None:
        post_evidence(self._client, self._journal, self._outputs, event)

    def send_receipts(self) -> None:
        """Submit renters' receipts for less than the lock, where they pay what the work is worth."""
        self._receipts.send()

    def claim_unsettled(self) -> None:
        """Claim on chain what was attested and is still not settled shortly before its deadline."""
        self._claims.claim_unsettled()

    def release_claims(self) -> None:
        """Have every claim paid whose window is over."""
        self._claims.release_due()
