"""A history with every event in it, rebuilt from the events alone, and compared with every view of every contract."""

import re

import pytest

from scripts.toolchain import ROOT
from tests.contracts.events import history
from tests.contracts.events.everything import CONTRACTS, NEVER, TELL_NOTHING, Everything, WholeChain
from tests.contracts.ModuleRegistry.words import plain

PAGE = (ROOT / "docs" / "reference" / "events.md").read_text()
SETTINGS = {
    "Escrow": {"DISPUTE_BOND_BPS", "MAX_FEE_BPS", "claimWindow", "committee", "disputeWindow", "stake", "token"},
    "ProviderStake": {"escrow", "token", "unbondingDelay"},
    "Reputation": {"escrow", "stake"},
    "OracleCommittee": {"MAX_MEMBERS", "REPORTER_BPS", "bondDelay", "escrow", "minimumBond", "token"},
    "PaymentChannels": {"MAX_DELAY", "MIN_DELAY", "SIGNATURE_GAS", "token"},
    "ModuleRegistry": {"MAX_TEXT"},
    "Timelock": {"CANCELLER_ROLE", "DEFAULT_ADMIN_ROLE", "EXECUTOR_ROLE", "PROPOSER_ROLE", "floor"},
}
"""Views of what a deployment fixes for ever."""
COMPUTED = {
    "Escrow": {"digestOf", "domainSeparator", "eip712Domain"},
    "PaymentChannels": {"depositNonce", "eip712Domain", "getChannelId", "getClaimBatchDigest", "getRefundDigest",
                        "getVoucherDigest"},
    "ModuleRegistry": {"nameIdOf", "skeletonOf"},
    "Timelock": {"hashOperation", "hashOperationBatch", "supportsInterface", "getRoleAdmin"},
}  # fmt: skip
"""Views that compute from their arguments and from what is fixed."""
DERIVED = {
    "ModuleRegistry": {"latest", "lookAlikeOf", "module", "moduleCount", "modules", "release", "releases", "resolve"},
    "Timelock": {"getOperationState", "isOperation", "isOperationDone", "isOperationPending", "isOperationReady"},
}
"""Views compared in another form: the registry's as pages of names and releases, operations' by their time."""
SALTS = sorted({edge + by for edge in (2, 9, 40, 60, 87, 230) for by in range(-2, 3)})
"""Around those at which a renter of the history begins or ends to be void."""


def rows(contract: str) -> dict[str, str]:
    """The events in the page's table of a contract, and what it says of each."""
    section = PAGE.split(f"\n## {contract}\n")[1].split("\n## ")[0]
    return dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", section, re.MULTILINE))


@pytest.mark.parametrize("contract", CONTRACTS)
def test_the_page_says_of_which_events_nothing_follows_and_the_rest_is_rebuilt(world, contract):
    events = {entry["name"] for entry in world.contracts[contract].abi if entry["type"] == "event"}
    assert set(rows(contract)) == events
    silent = {name for name, text in rows(contract).items() if text.startswith(("nothing", "never emitted"))}
    assert silent == events & (TELL_NOTHING | NEVER)
    assert all(Everything.knows(contract, event) for event in events - silent)


@pytest.mark.parametrize("contract", [*CONTRACTS, "Reputation"])
def test_every_view_is_compared_fixed_or_computed(world, contract):
    abi = world.contracts[contract].abi
    views = {entry["name"] for entry in abi if entry.get("stateMutability") in ("view", "pure")}
    fixed = SETTINGS[contract] | COMPUTED.get(contract, set()) | DERIVED.get(contract, set())
    compared = {name.partition("_")[2] for name in dir(Everything) if name.startswith(f"{contract}_")}
    assert views == fixed | compared
    assert fixed & compared == set()


def test_every_view_is_what_the_events_alone_say(world):
    chain = WholeChain(world)
    history.live_through_leases(world)
    history.live_through_accounts(world)
    history.live_through_committees(world)
    channel_ids = history.live_through_channels(world)
    history.live_through_modules(world)
    history.live_through_governance(world)
    logs = chain.all_logs(0)
    emitted = {(log.contract, log.name) for log in logs}
    known = {(contract, entry["name"]) for contract in CONTRACTS for entry in world.contracts[contract].abi
             if entry["type"] == "event"}  # fmt: skip
    assert {name for _, name in known - emitted} == NEVER, "the history lacks an event"

    told = Everything()
    for log in logs:
        told.take(log)
    asked = questions(world, told, channel_ids)
    answered = {name for _, name, *_ in asked}
    assert answered >= {name.partition("_")[2] for name in dir(Everything) if name.startswith(CONTRACTS)}
    differ = {}
    for contract, view, *given in asked:
        seen = plain(getattr(world.contracts[contract], view)(*given))
        if seen != told.answer(contract, view, *given):
            differ[contract, view, *given] = (seen, told.answer(contract, view, *given))
    assert not differ, f"views, events: {differ}"
    assert registry_as_seen(world.contracts["ModuleRegistry"]) == told.modules.as_seen()


def questions(world, told: Everything, channel_ids: list[str]) -> list[tuple]:
    """Every view that is compared, of everybody and everything that the history knows."""
    people = [*world.renters, *world.providers, *world.oracles, *world.candidates, world.stranger, world.operator]
    accounts = [account.address for account in people] + [world.timelock.address, world.governor.address]
    epochs = range(1, len(told.committees) + 1)
    roles = [plain(getattr(world.timelock, role)()) for role in ("PROPOSER_ROLE", "CANCELLER_ROLE", "EXECUTOR_ROLE")]
    nobody, token = "0x" + "00" * 20, world.token.address
    by_account = (
        ("Escrow", "renterAccount"), ("Escrow", "providerAccount"), ("Escrow", "free"), ("ProviderStake", "bond"),
        ("Reputation", "recordOf"), ("OracleCommittee", "bondOf"), ("OracleCommittee", "isMember"),
        ("PaymentChannels", "earnings"),
    )  # fmt: skip
    alone = (
        ("Escrow", "feeBps"), ("Escrow", "openingPaused"), ("Escrow", "treasury"), ("Escrow", "owner"),
        ("Escrow", "pendingOwner"), ("OracleCommittee", "epoch"), ("OracleCommittee", "members"),
        ("OracleCommittee", "threshold"), ("OracleCommittee", "quorumHash"), ("OracleCommittee", "slashed"),
        ("OracleCommittee", "owner"), ("OracleCommittee", "pendingOwner"), ("Timelock", "getMinDelay"),
    )  # fmt: skip
    return [
        *alone,
        *[(*view, account) for view in by_account for account in accounts],
        *[("PaymentChannels", "receivers", account, token) for account in accounts],
        *[("Escrow", "isVoid", renter.address, salt) for renter in world.renters for salt in SALTS],
        *[("Escrow", "isAgent", one.address, agent) for one in world.providers for agent in accounts],
        *[("Escrow", "groupWord", world.operator.address, number) for number in told.words],
        *[("Escrow", "claimOf", lease_id) for lease_id in told.claims],
        *[("Escrow", "fees", epoch) for epoch in (0, *epochs)],
        *[("Escrow", "oracleCredit", epoch, index) for epoch in epochs for index in range(5)],
        *[("OracleCommittee", "quorumHashOf", epoch) for epoch in epochs],
        *[("PaymentChannels", view, one) for view in ("channels", "pendingWithdrawals", "refundNonce")
          for one in channel_ids],
        *[("Timelock", "getTimestamp", operation) for operation in told.operations],
        *[("Timelock", "hasRole", role, account) for role in roles for account in (*accounts, nobody)],
    ]  # fmt: skip


def registry_as_seen(registry) -> tuple:
    """Every name and every release, as the views show them."""
    names = plain(registry.modules(0, 100))
    return names, {name: plain(registry.releases(name, 0, 100)) for name, *_ in names}
