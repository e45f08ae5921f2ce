"""The provider's side of the policy `attested`: the run's result gets evidence, or the run ends as a stated failure.

The provider judges its evidence as the oracles will, and sends none that would cost it its stake: a stale collateral
file or a forgotten setting ends in `sandbox error` with the reason, not in a slash.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from agent.chain import FollowedChain
from agent.evidence import find_opening
from agent.tee import DcapVerifier, KernelReports, Verifier, judge
from agent.work import Execution, limits_of, refuse
from marketplace.client.terms import LeaseTerms
from marketplace.domain.chain import LeaseOpened
from marketplace.errors import AgentError
from marketplace.protocol.canonical import sha256_digest
from marketplace.protocol.eip712 import Domain
from marketplace.protocol.enums import ExitKind, Outcome, Verification
from marketplace.protocol.evidence import (
    COLLATERAL_PATH,
    MAX_EVIDENCE_BYTES,
    QUOTE_PATH,
    EvidenceBinding,
    choose_evidence_time,
)
from marketplace.protocol.manifest import Manifest, ManifestEntry
from marketplace.protocol.profile import Tee
from marketplace.protocol.tee import TeeTrust


class Attester:
    """Adds evidence to what one agent attests. `collateral` is a file that something else keeps fresh."""

    def __init__(
        self,
        *,
        chain: FollowedChain,
        domain: Domain,
        agent: str,
        collateral: Path | None = None,
        reports: KernelReports | None = None,
        verifier: Verifier | None = None,
        now: Callable[[], int] = lambda: int(time.time()),
    ) -> None:
        self._chain, self._domain, self._agent, self._collateral = chain, domain, agent, collateral
        self._reports, self._verifier, self._now = reports or KernelReports(), verifier or DcapVerifier(), now

    def execute(self, event: LeaseOpened, terms: LeaseTerms, run: Callable[[], Execution]) -> Execution:
        """What `run` makes of a lease's job, with evidence where its bid asks for that. Raises ChainUnavailable.

        A machine that can give none does not run the job at all: nobody would pay for it. What is asked of the chain is
        asked before the run, so that no run is lost to a node that is away when it has ended.
        """
        if terms.bid.verification != Verification.ATTESTED:
            return run()
        try:
            trust = self._require_means(terms)
        except AgentError as error:
            return _give_up(terms, error)
        opened_at = find_opening(self._chain, event)
        execution = run()
        if execution.exit_kind is not ExitKind.EXITED:
            return execution
        try:
            return self._prove(event, terms, execution, trust, opened_at)
        except AgentError as error:
            return _give_up(terms, error)

    def _require_means(self, terms: LeaseTerms) -> TeeTrust:
        trust = terms.job_spec.tee
        if trust is None:
            raise AgentError("The job specification does not say which environments it trusts.")
        self._reports.require_interface()
        self._read_collateral()
        return trust

    def _prove(
        self, event: LeaseOpened, terms: LeaseTerms, execution: Execution, trust: TeeTrust, opened_at: int
    ) -> Execution:
        binding = EvidenceBinding(
            lease_id=event.lease_id,
            agent=self._agent,
            job_digest=terms.bid.job_digest,
            content_root=execution.manifest.root(),
            fuel=execution.fuel_used,
            wall_seconds=execution.charged_seconds,
            exit_code=execution.exit_code,
            sandbox_digest=execution.sandbox_digest,
        )
        report_data = binding.report_data(self._domain)
        quote, collateral = self._reports.quote(report_data), self._read_collateral()
        if len(quote) + len(collateral) > MAX_EVIDENCE_BYTES:
            raise AgentError(
                f"The evidence has {len(quote) + len(collateral)} bytes; {MAX_EVIDENCE_BYTES} are allowed."
            )
        at = choose_evidence_time(self._now(), opened_at, event.deadline)
        found = judge(self._verifier.verify(quote, collateral, at), trust, report_data)
        if found.outcome is not Outcome.PAID:
            raise AgentError(f"It would not be accepted: {found.reason}.")
        return add_evidence(execution, {QUOTE_PATH: quote, COLLATERAL_PATH: collateral})

    def _read_collateral(self) -> bytes:
        if self._collateral is None:
            raise AgentError("No collateral.", hint="Name its file in COMPUTEHIVE_AGENT_TEE_COLLATERAL.")
        try:
            return self._collateral.read_bytes()
        except OSError as error:
            raise AgentError(f"The collateral {self._collateral} cannot be read ({error.strerror}).") from error


def _give_up(terms: LeaseTerms, error: AgentError) -> Execution:
    return refuse(f"No evidence: {error}", limits_of(terms.bid).egress_bytes)


def offer_tees(found: Sequence[Tee], collateral: Path | None) -> tuple[Tee, ...]:
    """Of the environments whose devices are here, those that an ask may name without promising evidence in vain.

    A daemon has no way to quotes of `sgx`, and of `tdx` only with collateral; no attested job can ask for another.
    """
    vain = {"sgx"} if collateral is not None else {"sgx", "tdx"}
    return tuple(tee for tee in found if tee not in vain)


def add_evidence(execution: Execution, files: dict[str, bytes]) -> Execution:
    """The run with these files in its manifest, and so in its result digest."""
    entries = [ManifestEntry.of(path, data) for path, data in files.items()]
    return replace(
        execution,
        manifest=Manifest.build([*execution.manifest.entries, *entries]),
        blobs=dict(execution.blobs) | {sha256_digest(data): data for data in files.values()},
    )
