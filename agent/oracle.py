"""The oracle daemon: takes claims, runs the jobs again or checks their evidence, seals what it found, reveals it once
enough others have sealed, and signs batches that say the same.
"""

import secrets
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event
from typing import Any

import structlog
from eth_account.signers.local import LocalAccount

from agent.audits import Audits
from agent.chain import Chain
from agent.daemon import Step, run_steps
from agent.evidence import EvidenceJudge
from agent.follow import follow_leases
from agent.journal import Journal
from agent.private import OracleKeys
from agent.rounds import Rounds
from agent.sandbox import sandbox_digest
from agent.sealing import Sealing
from agent.tee import DcapVerifier, Verifier
from agent.upstream import Upstream
from agent.verdict import Abstain, as_attested, as_promised, decide, pay_for
from agent.votes import Undecided, decide_by_votes
from agent.work import Runner, check_ask, check_terms
from agent.work_feed import CHAIN_SECONDS, Pace, WorkFeed
from marketplace.client import MarketClient
from marketplace.client.bills import checked_usage
from marketplace.client.terms import LeaseTerms
from marketplace.domain.chain import LeaseOpened
from marketplace.domain.work import BATCHES, CLAIMS, REVEALS
from marketplace.errors import (
    ConflictError,
    InvalidManifest,
    InvalidSignature,
    MalformedMessage,
    NotFound,
    TranscriptMismatch,
)
from marketplace.protocol.eip712 import Domain
from marketplace.protocol.enums import ExitKind, Outcome, Verification
from marketplace.protocol.manifest import Manifest
from marketplace.protocol.messages import (
    Attestation,
    Verdict,
    VerdictBatch,
    require_signed_by,
)
from marketplace.protocol.network import require_egress

log = structlog.get_logger("oracle")


class OracleDaemon:
    """One member of the committee."""

    def __init__(
        self,
        *,
        client: MarketClient,
        chain: Chain,
        domain: Domain,
        account: LocalAccount,
        runner: Runner,
        journal: Journal,
        verifier: Verifier | None = None,
        keys: OracleKeys | None = None,
        upstream: Upstream | None = None,
        entropy: Callable[[int], bytes] = secrets.token_bytes,
        feed: WorkFeed | None = None,
    ) -> None:
        """`entropy(n)` gives n random bytes: of this member's share in a draw, and of what seals its verdicts. Without
        `feed` it asks for work all the time."""
        self._client, self._chain, self._domain = client, chain, domain
        self._account, self._runner, self._journal = account, runner, journal
        self._rounds = Rounds(client)
        self._evidence = EvidenceJudge(client.get_blob, chain, domain, verifier or DcapVerifier())
        self._keys, self._upstream = keys, upstream or Upstream(chain, client)
        self._audits = Audits(client, chain, domain, account, journal, entropy=entropy)
        self._sealing = Sealing(
            client=client, chain=chain, domain=domain, account=account, journal=journal, entropy=entropy
        )
        self._abstained: set[str] = set()
        self._feed = feed or WorkFeed()
        self._to_judge = Pace(self._feed, CLAIMS)
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="judge")
        self._judging: Future[int] | None = None

    def run(self, stop: Event, pause: float = 0.3, beside: Sequence[Step] = ()) -> None:
        """Work until `stop`, with the steps `beside`. While one job runs, what was sealed before is revealed."""
        told = self._feed.when_told
        steps = (
            self.announce_key,
            told(self.follow, CLAIMS, slow=CHAIN_SECONDS, untold=0.0),
            told(self.draw_audits, CLAIMS),
            self.judge_aside,
            self.send_seals,
            told(self.reveal_verdicts, REVEALS),
            told(self.sign_batches, BATCHES),
            *beside,
        )
        self._feed.start()
        try:
            run_steps(steps, stop, pause, rest=lambda seconds: self._feed.rest(seconds, stop))
        finally:
            self._feed.stop()
            self._pool.shutdown(wait=False, cancel_futures=True)

    def announce_key(self) -> None:
        """Have others know to which key those of private jobs are to be encrypted, and which sandbox runs them here."""
        if self._keys is not None:
            self._keys.announce()

    def judge_aside(self) -> None:
        """Have `judge_claims` at work in its own thread, where it is due; raises what became of the last time."""
        if self._judging is not None:
            if not self._judging.done():
                return
            last, self._judging = self._judging, None
            self._to_judge.end(is_found=bool(last.result()))
        if self._to_judge.is_due():
            self._to_judge.begin()
            self._judging = self._pool.submit(self.judge_claims)
            self._judging.add_done_callback(lambda _: self._feed.wake())

    def follow(self) -> None:
        """Learn of all leases from the chain."""
        follow_leases(self._chain, self._journal, lambda event: True)

    def draw_audits(self) -> None:
        """Take part in draws while a job runs: else all others would run what they wait for this member to draw."""
        if self._judging is not None and not self._judging.done():  # else `judge` takes part itself
            self._audits.take_part_in_all(self._client.claims(self._account.address), self._read)

    def judge_claims(self) -> int:
        """Seal a verdict on every claim that can be judged; how many."""
        found = 0
        for claim in self._client.claims(self._account.address):
            lease_id = claim["leaseId"]
            event = self._journal.lease(lease_id)
            if event is None or lease_id in self._abstained:
                continue  # not on the chain as far as this oracle followed it, or not for this oracle
            try:
                if not self._sealing.is_noted(lease_id):
                    self._sealing.note(self.judge(event))
            except (Abstain, MalformedMessage, InvalidManifest, InvalidSignature, TranscriptMismatch) as error:
                self._abstained.add(lease_id)
                log.warning("abstains", lease=lease_id, reason=str(error))
            except Undecided as error:
                log.debug("waits for votes or for a draw", lease=lease_id, reason=str(error))
            except (NotFound, ConflictError) as error:
                log.info("claim is gone or not complete", lease=lease_id, reason=str(error))
            else:
                self._sealing.make_ready(lease_id)
                self._feed.wake()  # the next job may take long: what is ready is sent meanwhile
                found += 1
        self.send_seals()
        return found

    def send_seals(self) -> int:
        """Send what is judged and not sealed yet, all together; how many the market took."""
        return self._sealing.send()

    def reveal_verdicts(self) -> int:
        """Open the own seals for which the market asks, where enough others have bound themselves as well; how many."""
        return self._sealing.reveal()

    def judge(self, event: LeaseOpened) -> Verdict:
        """The verdict on one lease.

        Raises Abstain where this oracle cannot tell, Undecided where it cannot yet; MalformedMessage, InvalidManifest,
        InvalidSignature, TranscriptMismatch where the market relays something else than what was signed and put on
        chain; NotFound, ServiceUnavailable.
        """
        terms, attestation, manifest = self._read(event)
        verdict, misfit = as_promised(self._find(event, terms, attestation, manifest), terms)
        if misfit:
            log.warning("not paid: the node is not what was asked for", lease=event.lease_id, reason=misfit)
        return verdict

    def _find(self, event: LeaseOpened, terms: LeaseTerms, attestation: Attestation, manifest: Manifest) -> Verdict:
        """What the result is worth, wherever it was made: nothing, where what it needs was not there yet."""
        obstacle = self._upstream.find_obstacle(terms)
        if obstacle:
            log.warning("not paid: the job was not to run", lease=event.lease_id, reason=obstacle)
            return pay_for(attestation, Outcome.FAILED, attestation.result_digest, terms.bid, terms.ask, event.price)
        if terms.bid.verification == Verification.ATTESTED:
            return self._evidence.decide(event, terms, attestation, manifest)
        if terms.bid.verification == Verification.REPLICATE:
            outcome, result = self._count(event, terms, attestation)
            return pay_for(attestation, outcome, result, terms.bid, terms.ask, event.price)
        if terms.bid.verification != Verification.REEXECUTE:
            raise Abstain("The bid asks for another verification than running the job again or counting votes.")
        if not ExitKind(attestation.exit_kind).is_reproducible:
            return decide(attestation, None, terms.bid, terms.ask, event.price)
        if not self._audits.must_run(event, terms, attestation, manifest):
            return as_attested(attestation, terms.bid, terms.ask, event.price)
        is_same = sandbox_digest() in (terms.promised_sandbox, attestation.sandbox_digest)
        own = self._runner(terms)
        return decide(attestation, own, terms.bid, terms.ask, event.price, is_same_sandbox=is_same)

    def _count(self, event: LeaseOpened, terms: LeaseTerms, own: Attestation) -> tuple[Outcome, str]:
        votes = self._votes(event, own)
        return decide_by_votes(own, votes, terms.bid.replicas, is_metered=terms.job_spec.is_metered)

    def _read(self, event: LeaseOpened) -> tuple[LeaseTerms, Attestation, Manifest]:
        """What was agreed and what is attested, both as signed."""
        terms = self._client.lease_terms(event.lease_id)
        check_terms(event, terms)
        check_ask(self._chain, self._domain, terms, event)
        self._rounds.check(event, terms)
        evidence = self._client.attestation(event.lease_id)
        attestation, manifest = Attestation.parse(evidence["attestation"]), Manifest.parse(evidence["manifest"])
        require_signed_by(attestation, terms.ask.agent, self._domain, evidence["signature"])
        _check_evidence(event, terms, attestation, manifest)
        if evidence.get("usage") is not None:
            self._look_at_usage(evidence["usage"], attestation, terms)
        return terms, attestation, manifest

    def _look_at_usage(self, usage: Any, attestation: Attestation, terms: LeaseTerms) -> None:
        """No pay follows from a usage report, so no verdict does: one that cannot be is said and left aside."""
        try:
            checked_usage(usage, attestation, terms, self._domain)
        except (MalformedMessage, InvalidSignature) as error:
            log.warning("usage report left aside", lease=attestation.lease_id, reason=str(error))

    def _votes(self, event: LeaseOpened, own: Attestation) -> list[Attestation]:
        """What the replicas of a lease attest, its own among them. One whose evidence is not valid has no vote yet."""
        votes = [own]
        for other in self._journal.leases_of(event.bid_hash):
            if other.lease_id == event.lease_id:
                continue
            try:
                votes.append(self._read(other)[1])
            except (NotFound, MalformedMessage, InvalidManifest, InvalidSignature, TranscriptMismatch) as error:
                log.debug("no vote", lease=other.lease_id, reason=str(error))
        return votes

    def sign_batches(self) -> int:
        """Sign every proposed batch that says what this oracle said, and no other; how many those are."""
        found = 0
        for proposal in self._client.batches(self._account.address):
            verdicts = [Verdict.parse(one) for one in proposal["verdicts"]]
            if verdicts and all(map(self._sealing.has_said, verdicts)):
                self._sign(proposal["digest"], VerdictBatch.of(verdicts))
                found += 1
        return found

    def _sign(self, digest: str, batch: VerdictBatch) -> None:
        try:
            self._client.sign_batch(digest, self._account.address, batch.sign(self._domain, self._account.key))
        except ConflictError as error:
            log.info("batch needs no more signatures", batch=digest, reason=str(error))


def _check_evidence(event: LeaseOpened, terms: LeaseTerms, attestation: Attestation, manifest: Manifest) -> None:
    if attestation.lease_id != event.lease_id or attestation.job_digest != terms.bid.job_digest:
        raise MalformedMessage("Attestation", "is about another lease or another job")
    if manifest.root() != attestation.result_digest:
        raise InvalidManifest("The manifest does not hash to the attested result digest.")
    require_egress(attestation.egress_bytes, manifest.egress_bytes, terms.job_spec.network)
    if attestation.exit_kind not in list(ExitKind):
        raise MalformedMessage("Attestation.exitKind", f"{attestation.exit_kind} is no way for a program to end")
