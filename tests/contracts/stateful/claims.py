"""Random claims, and how they end."""

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from marketplace.protocol.enums import ClaimState, ExitKind
from marketplace.protocol.messages import Attestation, VerdictBatch
from tests.contracts.stateful.ending import EndingRules
from tests.contracts.stateful.machine import outcomes, pick, rarely, shares, signings
from tests.contracts.world import RESULT


class ClaimRules(EndingRules):
    """Claiming, and releasing, disputing, deciding what was claimed."""

    @precondition(lambda self: self.leases_in("open"))
    @rule(
        picks=st.lists(pick, min_size=1, max_size=1),
        share=st.sampled_from([0, 30, 77, 77, 100, 100, 100, 101]),
        who=st.sampled_from(["provider"] * 5 + ["agent", "agent", "renter"]),
        odd=st.sampled_from([None] * 9 + ["forged", "failed"]),
        agent_is_provider=st.booleans(),
        then=st.sampled_from(
            [(), (), ("dispute",), ("dispute", "decide"), ("dispute", "decide"), ("decide",), ("release",)]
        ),
        decision=st.tuples(outcomes, shares, rarely),
    )
    def rule_claim(self, picks, share, who, odd, agent_is_provider, then, decision):
        (lease,) = self.some_leases(picks, "open")
        provider = lease.ask.provider
        sender = {"provider": provider, "agent": self.stranger, "renter": lease.bid.renter}[who]
        agent = provider if agent_is_provider else self.stranger
        pay = lease.price * share // 100
        exit_kind = ExitKind.TRAP if odd == "failed" else ExitKind.EXITED
        attestation = Attestation(
            lease_id=lease.id, job_digest=lease.bid.job_digest, result_digest=RESULT, fuel=1, wall_seconds=1,
            egress_bytes=1, exit_kind=exit_kind, exit_code=0, sandbox_digest=RESULT, started_at=1, finished_at=2,
        )  # fmt: skip
        signer = self.world.treasury if odd == "forged" else agent
        ((number, bits, digest, terms),) = self.group_terms([(lease.group, [lease])])
        self.both(
            "claim",
            (sender, lease.group, [lease.place], pay, exit_kind, agent, odd != "forged"),
            sender,
            self.world.escrow.claim,
            self.world.operator.address,
            (number, bits, digest, terms),
            pay,
            attestation.as_tuple(),
            agent,
            self.world.sign(attestation, signer),
        )
        for step in then if lease.state == "claimed" else ():
            if step == "decide":
                self.decide([lease], [decision], "enough", 0)
            else:
                self.end_claim(lease, step, lease.bid.renter)

    def claimed_lease(self, lease, right):
        """`ClaimedLease`; with a price that is not its own unless `right`."""
        lease_id, first, second = lease.claimed()
        return lease_id, first, second if right else second + (1 << 160)

    @precondition(lambda self: self.leases_in("claimed", "disputed"))
    @rule(
        picks=st.lists(pick, min_size=1, max_size=1),
        step=st.sampled_from(["release", "dispute", "dispute", "expire"]),
        by_renter=st.booleans(),
        late=st.sampled_from([True, False, False]),
        right=rarely.map(lambda drawn: not drawn),
    )
    def rule_end_a_claim(self, picks, step, by_renter, late, right):
        wanted = "disputed" if step == "expire" else "claimed"
        (lease,) = self.some_leases(picks, wanted)
        if late and lease.claim in (ClaimState.CLAIMED, ClaimState.DISPUTED):
            self.sleep(max(lease.until - self.time, 0) + 1)
        self.end_claim(lease, step, lease.bid.renter if by_renter or step == "dispute" else self.stranger, right)

    def end_claim(self, lease, step, sender, right=True):
        """Release, dispute or expire."""
        escrow, terms = self.world.escrow, self.claimed_lease(lease, right)
        if step == "release":
            self.both("release", (sender, lease, right), sender, escrow.release, terms)
        elif step == "dispute":
            self.both("dispute", (sender, lease, right), sender, escrow.dispute, terms)
        else:
            self.both("expire_dispute", (lease, right), sender, escrow.expireDispute, terms)

    @precondition(lambda self: self.leases_in("claimed", "disputed"))
    @rule(
        decisions=st.lists(st.tuples(pick, outcomes, shares, rarely), min_size=1, max_size=4),
        how=signings,
        drawn=st.integers(0, 4),
    )
    def rule_settle_claims(self, decisions, how, drawn):
        leases = self.some_leases([each[0] for each in decisions], "claimed", "disputed")
        self.decide(leases, [each[1:] for each in decisions], how, drawn)

    def decide(self, leases, decisions, how, drawn):
        """Let the committee decide; an odd decision comes with other terms."""
        claimed = [(lease, not odd) for lease, (_, _, odd) in zip(leases, decisions, strict=False)]
        verdicts = [self.verdict(lease, *each) for lease, each in zip(leases, decisions, strict=False)]
        signed = self.signed(how, drawn)
        quorum, signatures = self.quorum(signed, verdicts)
        batch = VerdictBatch.of(verdicts)
        terms = [self.claimed_lease(lease, right) for lease, right in claimed]
        self.both(
            "settle_claims",
            (claimed, verdicts, signed),
            self.stranger,
            self.world.escrow.settleClaims,
            terms,
            batch.outcomes,
            batch.result_digests,
            quorum,
            signatures,
        )
