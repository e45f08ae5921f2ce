"""The table "Lease state machine" of docs/protocol.md, tried cell by cell: every state, every call, every caller."""

import re
from dataclasses import dataclass
from typing import Any

import brownie
import pytest
from brownie.exceptions import VirtualMachineError

from marketplace.protocol.enums import ClaimState, Outcome
from marketplace.protocol.messages import VerdictBatch
from scripts.toolchain import ROOT
from tests.contracts.batch import OpenLease, open_args
from tests.contracts.world import CLAIM_WINDOW, DISPUTE_WINDOW, HOUR, PRICE, now, project, undone

CALLERS = ("market", "provider", "agent", "renter", "anyone")


def read_table():
    """The table's cells by state and call."""
    section = (ROOT / "docs" / "protocol.md").read_text().split("### Lease state machine", 1)[1]
    table = re.search(r"(?:^\|.*\n)+", section, re.MULTILINE).group()
    head, _, *body = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]
    return {
        (state, row[0].replace("`", "")): cell for row in body for state, cell in zip(head[1:], row[1:], strict=True)
    }


TABLE = read_table()
CALLS = list(dict.fromkeys(call for _, call in TABLE))
KINDS = {state: [state] for state, _ in TABLE} | {"closed": ["closed", "closed after a claim"]}


def expected(cell, caller):
    """What a cell says of a caller: `→ state` or an error's name; perhaps one for some and another for the rest."""
    if "; else " not in cell:
        return cell.strip("`")
    special, others = cell.split("; else ")
    result, callers = special.split(": ")
    return (result if caller in callers.split(", ") else others).strip("`")


@dataclass
class Situation:
    """A lease in some state, and the calls that can be made about it."""

    world: Any
    lease: OpenLease
    match: Any
    state: str

    def send(self, call, caller):
        """Make a call about the lease."""
        world, lease = self.world, self.lease
        market, alone, claimed = world.operator, lease.alone(), lease.claimed()
        verdict = world.verdict(lease, Outcome.PAID, PRICE)
        batch = VerdictBatch.of([verdict])
        quorum, signatures = world.signed_batch([verdict])
        signed = (list(batch.outcomes), list(batch.result_digests), quorum, signatures)
        attestation = world.attestation(lease)
        evidence = (attestation.as_tuple(), world.stranger, world.sign(attestation, world.stranger))
        escrow = world.escrow
        sender = {
            "market": market,
            "provider": world.provider,
            "agent": world.stranger,
            "renter": world.renter,
            "anyone": world.candidates[0],
        }[caller]

        def receipt(pay):
            message = world.receipt(lease, pay)
            return escrow.accept, (market, alone, message.as_tuple(), world.sign(message, world.renter))

        function, args = {
            "open": lambda: (escrow.open, open_args([self.match], 9)),
            "settle": lambda: (escrow.settle, (market, [alone], *signed)),
            "accept": lambda: receipt(PRICE),
            "accept for less": lambda: receipt(PRICE - 1),
            "refund": lambda: (escrow.refund, (market, [alone])),
            "claim": lambda: (escrow.claim, (market, alone, PRICE, *evidence)),
            "release": lambda: (escrow.release, (claimed,)),
            "dispute": lambda: (escrow.dispute, (claimed,)),
            "settleClaims": lambda: (escrow.settleClaims, ([claimed], *signed)),
            "expireDispute": lambda: (escrow.expireDispute, (claimed,)),
        }[call]()
        return function(*args, {"from": sender})

    def state_now(self):
        """Which state the contract has the lease in."""
        claim = self.world.claim_of(self.lease)
        if claim["state"] != ClaimState.NONE:
            return ("", "claimed", "disputed", "closed")[claim["state"]]
        if self.world.is_open(self.lease):
            return "open"
        return "none" if self.state == "none" else "closed"

    def try_call(self, call, caller):
        """What came of a call: `→ state`, or the name of the error. Nothing of it stays."""
        with undone():
            try:
                self.send(call, caller)
            except VirtualMachineError as error:
                return error.revert_msg.partition(":")[0]
            if call == "open":
                return "→ open"
            return f"→ {self.state_now()}"


def situation(world, state):
    """A lease brought into a state by the calls of the table."""
    world.escrow.setAgent(world.stranger, True, {"from": world.provider})
    match = world.match(world.bid(deadline=now() + HOUR))
    if state == "none":
        with undone():
            lease = world.open_all(match)[0]
        return Situation(world, lease, match, state)
    lease = world.open_all(match)[0]
    if state in ("claimed", "ripe", "disputed", "undecided", "closed after a claim"):
        world.claim(lease)
    if state in ("disputed", "undecided"):
        world.dispute(lease)
    if state == "overdue":
        brownie.chain.sleep(HOUR + 1)
    if state == "ripe":
        brownie.chain.sleep(CLAIM_WINDOW + 1)
    if state == "undecided":
        brownie.chain.sleep(DISPUTE_WINDOW + 1)
    if state == "closed after a claim":
        world.release(lease, sender=world.renter)
    if state == "closed":
        world.settle(world.verdict(lease))
    brownie.chain.mine()
    return Situation(world, lease, match, state)


@pytest.mark.parametrize("state, kind", [(state, kind) for state, kinds in KINDS.items() for kind in kinds])
def test_every_call_of_every_caller_ends_as_the_table_says(world, state, kind):
    lease = situation(world, kind)
    tried = [(call, caller) for call in CALLS for caller in CALLERS]
    found = {each: lease.try_call(*each) for each in tried}
    assert found == {(call, caller): expected(TABLE[state, call], caller) for call, caller in tried}


def test_the_table_has_every_call_about_a_lease():
    named = {function["name"] for function in project().Escrow.abi if function["type"] == "function"}
    about_leases = {
        "open",
        "settle",
        "accept",
        "refund",
        "claim",
        "release",
        "dispute",
        "settleClaims",
        "expireDispute",
    }
    assert about_leases <= named
    assert {call.split(" ")[0] for call in CALLS} == about_leases
    assert set(KINDS) == {"none", "open", "overdue", "claimed", "ripe", "disputed", "undecided", "closed"}
