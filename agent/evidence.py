"""The oracle's side of the policy `attested`: the evidence in a result, checked instead of running the job again.

Every oracle decides alike: it looks at what is signed, at what the signed digests name, and at the chain; never at its
own clock.
"""

from dataclasses import dataclass

import structlog

from agent.chain import FollowedChain
from agent.tee import Judgement, Verifier, judge
from agent.verdict import Abstain, pay_for
from agent.work import FetchBlob
from marketplace.client.terms import LeaseTerms
from marketplace.domain.chain import LeaseOpened
from marketplace.errors import ChainUnavailable, DigestMismatch, InvalidEvidence, NotFound, UnsupportedTee
from marketplace.protocol.eip712 import Domain
from marketplace.protocol.enums import ExitKind, Outcome
from marketplace.protocol.evidence import (
    COLLATERAL_PATH,
    EVIDENCE_PATHS,
    MAX_EVIDENCE_BYTES,
    QUOTE_PATH,
    EvidenceBinding,
    choose_evidence_time,
)
from marketplace.protocol.manifest import Manifest
from marketplace.protocol.messages import Attestation, Verdict

log = structlog.get_logger("oracle")


@dataclass(frozen=True)
class EvidenceJudge:
    """Judges attested leases."""

    fetch: FetchBlob
    chain: FollowedChain
    domain: Domain
    verifier: Verifier

    def decide(self, event: LeaseOpened, terms: LeaseTerms, attestation: Attestation, manifest: Manifest) -> Verdict:
        """The verdict over an attestation whose signature and manifest were checked.

        Raises Abstain where this oracle cannot verify at all, NotFound where the market lacks the evidence,
        MalformedMessage for more usage than was reserved, ServiceUnavailable, ChainUnavailable.
        """
        if attestation.exit_kind != ExitKind.EXITED:
            found = Judgement(Outcome.FAILED, "the program did not come to its end")
        else:
            found = self._judge(event, terms, attestation, manifest)
        log.info("evidence judged", lease=event.lease_id, outcome=found.outcome.name.lower(), reason=found.reason)
        return pay_for(attestation, found.outcome, attestation.result_digest, terms.bid, terms.ask, terms.price)

    def _judge(self, event: LeaseOpened, terms: LeaseTerms, attestation: Attestation, manifest: Manifest) -> Judgement:
        trust = terms.job_spec.tee
        if trust is None:
            raise Abstain("The job specification does not say which evidence its renter takes.")
        sizes = {one.path: one.size for one in manifest.entries if one.path in EVIDENCE_PATHS}
        if len(sizes) < 2:
            return Judgement(Outcome.FRAUD, "the result carries no evidence")
        if sum(sizes.values()) > MAX_EVIDENCE_BYTES:
            return Judgement(Outcome.FRAUD, f"the evidence has more than {MAX_EVIDENCE_BYTES} bytes")
        at = choose_evidence_time(attestation.finished_at, find_opening(self.chain, event), event.deadline)
        try:
            claims = self.verifier.verify(self._read(manifest, QUOTE_PATH), self._read(manifest, COLLATERAL_PATH), at)
        except InvalidEvidence as error:
            return Judgement(Outcome.FRAUD, error.message)
        except UnsupportedTee as error:
            raise Abstain(str(error)) from error
        binding = EvidenceBinding.of(attestation, terms.ask.agent, manifest)
        return judge(claims, trust, binding.report_data(self.domain))

    def _read(self, manifest: Manifest, path: str) -> bytes:
        (digest,) = (one.digest for one in manifest.entries if one.path == path)
        try:
            return self.fetch(digest)
        except DigestMismatch as error:
            raise NotFound("blob", digest) from error


def find_opening(chain: FollowedChain, event: LeaseOpened) -> int:
    """Unix seconds of the block that opened a lease. Raises ChainUnavailable."""
    block = chain.block(event.origin.block_number)
    if block is None:
        raise ChainUnavailable(f"The chain's node does not know block {event.origin.block_number}.")
    return block.timestamp
