"""Random calls that end leases: verdicts, receipts, deadlines."""

from hypothesis import strategies as st
from hypothesis.stateful import rule

from marketplace.protocol.enums import Outcome
from marketplace.protocol.messages import Receipt, Verdict, VerdictBatch
from tests.contracts.batch import compact_words
from tests.contracts.stateful.machine import Machine, outcomes, pick, rarely, shares, signings
from tests.contracts.stateful.parties import Group, Lease, Signed
from tests.contracts.world import RESULT

JUNK = 1 << 31
"""A bit beyond the leases of a group that is not full."""


class EndingRules(Machine):
    """How open leases end."""

    # --- verdicts ------------------------------------------------------------------------------------------

    def signed(self, how: str, drawn: int) -> Signed:
        """Who signs a batch of verdicts."""
        model = self.model
        epoch = model.epoch - 1 if how == "former" and model.epoch > 1 else model.epoch
        threshold, members = model.committees[epoch - 1]
        count = {"all": len(members), "few": threshold - 1}.get(how, threshold)
        signers = sorted((place + drawn) % len(members) for place in range(count))
        return Signed(epoch, threshold, members, tuple(signers), how == "forged" and count > 0)

    def quorum(self, signed: Signed, verdicts: list[Verdict]) -> tuple[tuple, list[bytes]]:
        """`Quorum` and signatures."""
        batch = VerdictBatch.of(verdicts)
        signers = [signed.members[index] for index in signed.signers]
        if signed.forged:
            signers[-1] = self.world.treasury.address
        bits = sum(1 << index for index in signed.signers)
        signatures = compact_words([self.world.sign(batch, signer) for signer in signers])
        return (signed.epoch, signed.threshold, list(signed.members), bits), signatures

    def verdict(self, lease: Lease, outcome: int, share: int, odd: bool) -> Verdict:
        """A verdict; an odd one may pay for nothing."""
        pay = lease.price * share // 100 if outcome == Outcome.PAID or odd else 0
        return Verdict(lease_id=lease.id, outcome=int(outcome), pay=pay, result_digest=RESULT)

    def by_group(self, leases: list[Lease]) -> list[tuple[Group, list[Lease]]]:
        """Leases by their group, as calls want them: by ascending place, none twice."""
        groups: dict[Group, dict[int, Lease]] = {}
        for lease in leases:
            groups.setdefault(lease.group, {})[lease.place] = lease
        return [(group, [found[place] for place in sorted(found)]) for group, found in groups.items()]

    def group_terms(self, groups: list[tuple[Group, list[Lease]]], junk: bool = False) -> list[tuple]:
        """`GroupTerms` that choose these leases, with a bit for none of them if `junk`."""
        found = []
        for group, leases in groups:
            number, bits, bids_digest, terms = group.packed.chosen([lease.place for lease in leases])
            found.append((number, bits | JUNK * (junk and len(group.leases) < 32), bids_digest, terms))
        return found

    @rule(
        decisions=st.lists(st.tuples(pick, outcomes, shares, rarely), min_size=1, max_size=5),
        how=signings,
        drawn=st.integers(0, 4),
        junk=rarely,
        twice=rarely,
    )
    def rule_settle(self, decisions, how, drawn, junk, twice):
        groups = self.by_group(self.some_leases([each[0] for each in decisions], "open"))
        if twice:
            groups = groups + groups[:1]
        leases = [lease for _, found in groups for lease in found]
        verdicts = [self.verdict(lease, *decision[1:]) for lease, decision in zip(leases, decisions * 2, strict=False)]
        signed = self.signed(how, drawn)
        quorum, signatures = self.quorum(signed, verdicts)
        batch = VerdictBatch.of(verdicts)
        self.both(
            "settle",
            ([(group, [lease.place for lease in found]) for group, found in groups], verdicts, signed),
            self.stranger,
            self.world.escrow.settle,
            self.world.operator.address,
            self.group_terms(groups, junk),
            batch.outcomes,
            batch.result_digests,
            quorum,
            signatures,
        )

    # --- without verdicts ----------------------------------------------------------------------------------

    @rule(
        picks=st.lists(pick, min_size=1, max_size=1),
        share=shares,
        odd=st.sampled_from([None] * 9 + ["forged", "two", "junk", "other"]),
        by_provider=st.sampled_from([True, True, False]),
    )
    def rule_accept(self, picks, share, odd, by_provider):
        (lease,) = self.some_leases(picks, "open")
        others = [each.place for each in lease.group.leases if each is not lease]
        places = [lease.place, *(others[:1] if odd == "two" else ())]
        named = lease.group.leases[others[0]] if odd == "other" and others else lease
        receipt = Receipt(lease_id=named.id, pay=lease.price * share // 100, result_digest=RESULT)
        signer = self.stranger if odd == "forged" else lease.bid.renter
        sender = lease.ask.provider if by_provider else self.stranger
        ((number, bits, digest, terms),) = self.group_terms([(lease.group, [lease])])
        bits |= sum(1 << place for place in places)
        if odd == "junk":
            bits, places = bits | JUNK << 1, [*places, 32]
        self.both(
            "accept",
            (sender, lease.group, places, receipt.lease_id, receipt.pay, signer),
            sender,
            self.world.escrow.accept,
            self.world.operator.address,
            (number, bits, digest, terms),
            receipt.as_tuple(),
            self.world.sign(receipt, signer),
        )

    @rule(picks=st.lists(pick, min_size=1, max_size=3), overdue=st.booleans(), junk=rarely)
    def rule_refund(self, picks, overdue, junk):
        self.refund(self.overdue() if overdue and self.overdue() else self.some_leases(picks, "open"), junk)

    def overdue(self):
        """The open leases whose deadline has passed."""
        return [lease for lease in self.leases_in("open") if lease.bid.deadline < self.time]

    def refund(self, leases, junk=False):
        """Refund leases."""
        groups = self.by_group(leases)
        self.both(
            "refund",
            ([(group, [lease.place for lease in found]) for group, found in groups],),
            self.stranger,
            self.world.escrow.refund,
            self.world.operator.address,
            self.group_terms(groups, junk),
        )
