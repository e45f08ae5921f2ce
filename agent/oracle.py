"""The oracle daemon: takes claims, runs the jobs again, says what it found, and signs batches that say the same."""

from threading import Event
from typing import Any

import structlog
from eth_account.signers.local import LocalAccount

from agent.chain import Chain
from agent.daemon import run_steps
from agent.follow import follow_leases
from agent.journal import Journal
from agent.sandbox import sandbox_digest
from agent.verdict import Abstain, decide
from agent.work import Runner, check_ask, check_terms
from marketplace.client import MarketClient
from marketplace.domain.chain import LeaseOpened
from marketplace.errors import ConflictError, InvalidManifest, InvalidSignature, MalformedMessage, NotFound
from marketplace.protocol.eip712 import Domain
from marketplace.protocol.enums import ExitKind, Outcome, Verification
from marketplace.protocol.manifest import Manifest
from marketplace.protocol.messages import Attestation, Verdict, VerdictBatch, require_signed_by
from marketplace.protocol.units import format_usdc

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
    ) -> None:
        self._client, self._chain, self._domain = client, chain, domain
        self._account, self._runner, self._journal = account, runner, journal
        self._abstained: set[str] = set()

    def run(self, stop: Event, pause: float = 0.3) -> None:
        """Work until `stop`."""
        run_steps((self.follow, self.judge_claims, self.sign_batches), stop, pause)

    def follow(self) -> None:
        """Learn of all leases from the chain."""
        follow_leases(self._chain, self._journal, lambda event: True)

    def judge_claims(self) -> None:
        """Give a verdict on every claim that can be judged."""
        for claim in self._client.claims(self._account.address):
            lease_id = claim["leaseId"]
            event = self._journal.lease(lease_id)
            if event is None or lease_id in self._abstained:
                continue  # not on the chain as far as this oracle followed it, or not for this oracle
            try:
                self._post(lease_id, event)
            except (Abstain, MalformedMessage, InvalidManifest, InvalidSignature) as error:
                self._abstained.add(lease_id)
                log.warning("abstains", lease=lease_id, reason=str(error))
            except (NotFound, ConflictError) as error:
                log.info("claim is gone or not complete", lease=lease_id, reason=str(error))

    def _post(self, lease_id: str, event: LeaseOpened) -> None:
        given = self._journal.verdict(lease_id)
        if given is None:
            verdict = self.judge(event)
            given = {"verdict": verdict.to_json(), "signature": verdict.sign(self._domain, self._account.key)}
            self._journal.record_verdict(lease_id, given["verdict"], given["signature"])
        verdict = Verdict.parse(given["verdict"])
        self._client.post_verdict(verdict, self._account.address, given["signature"])
        outcome = Outcome(verdict.outcome).name.lower()
        log.info("verdict", lease=lease_id, outcome=outcome, pay=f"{format_usdc(verdict.pay)} USDC")

    def judge(self, event: LeaseOpened) -> Verdict:
        """The verdict on one lease.

        Raises Abstain where this oracle cannot tell, MalformedMessage, InvalidManifest, InvalidSignature where the
        market relays something else than what was signed, NotFound, ServiceUnavailable.
        """
        terms = self._client.lease_terms(event.lease_id)
        check_terms(event, terms)
        check_ask(self._chain, self._domain, terms)
        evidence = self._client.attestation(event.lease_id)
        attestation, manifest = Attestation.parse(evidence["attestation"]), Manifest.parse(evidence["manifest"])
        require_signed_by(attestation, terms.ask.agent, self._domain, evidence["signature"])
        _check_evidence(event, terms.bid.job_digest, attestation, manifest)
        if terms.bid.verification not in (Verification.REEXECUTE, Verification.REPLICATE):
            raise Abstain("The bid asks for another verification than running the job again.")
        if not ExitKind(attestation.exit_kind).is_reproducible:
            return decide(attestation, manifest, None, terms.bid, terms.ask, event.price)
        if attestation.sandbox_digest != sandbox_digest():
            raise Abstain("The job ran in another sandbox than this oracle's.")
        return decide(attestation, manifest, self._runner(terms), terms.bid, terms.ask, event.price)

    def sign_batches(self) -> None:
        """Sign every proposed batch that says what this oracle said, and no other."""
        for proposal in self._client.batches(self._account.address):
            verdicts = [Verdict.parse(one) for one in proposal["verdicts"]]
            if verdicts and all(map(self._has_said, verdicts)):
                self._sign(proposal["digest"], VerdictBatch.of(verdicts))

    def _sign(self, digest: str, batch: VerdictBatch) -> None:
        try:
            self._client.sign_batch(digest, self._account.address, batch.sign(self._domain, self._account.key))
        except ConflictError as error:
            log.info("batch needs no more signatures", batch=digest, reason=str(error))

    def _has_said(self, verdict: Verdict) -> bool:
        given: dict[str, Any] | None = self._journal.verdict(verdict.lease_id)
        return given is not None and Verdict.parse(given["verdict"]) == verdict


def _check_evidence(event: LeaseOpened, job_digest: str, attestation: Attestation, manifest: Manifest) -> None:
    if attestation.lease_id != event.lease_id or attestation.job_digest != job_digest:
        raise MalformedMessage("Attestation", "is about another lease or another job")
    if manifest.root() != attestation.result_digest:
        raise InvalidManifest("The manifest does not hash to the attested result digest.")
    if attestation.exit_kind not in list(ExitKind):
        raise MalformedMessage("Attestation.exitKind", f"{attestation.exit_kind} is no way for a program to end")
