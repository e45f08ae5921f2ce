"""Calls and logs of the escrow without a chain: what goes into `open` and `settle`, and what a log is read as."""

import pytest
from eth_abi import encode
from hexbytes import HexBytes

from marketplace.adapters.chain import AddressBook, Contracts
from marketplace.adapters.chain.calls import groups_needed, market_of, open_arguments, quorum_arguments
from marketplace.adapters.chain.events import decode_log, topic_of
from marketplace.domain.chain import Committee, LeaseOpened, LeasesSettled, SettledLease
from marketplace.ports import Match
from marketplace.protocol.enums import Outcome, SkipReason
from marketplace.protocol.messages import Verdict, pack_outcomes
from marketplace.protocol.packing import LeaseGroup, LeaseTerms, compact
from tests.fakes.world import AGENT, DOMAIN, OPERATOR, ORACLES, PROVIDER, RENTER, World, key

OTHER = key(9)
ROUND = "0x" + "77" * 32


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


@pytest.fixture(scope="module")
def contracts():
    names = ("Escrow", "ProviderStake", "Reputation", "OracleCommittee", "USDC")
    addresses = {name: f"0x{number:040x}" for number, name in enumerate(names, start=1)}
    book = {"network": "none", "chainId": 1337, "deployedAtBlock": 1, "contracts": addresses}
    return Contracts("http://127.0.0.1:9", AddressBook.parse(book))


def match(world, ask=None, *, bid_key=RENTER, ask_key=PROVIDER, **changes) -> Match:
    bid, ask = world.bid(**changes), ask or world.ask()
    return Match(bid, bid.sign(DOMAIN, bid_key.key), ask, ask.sign(DOMAIN, ask_key.key), 100)


def test_orders_that_recur_stand_in_the_tables_once_and_matches_keep_their_order(world, contracts):
    first, second = world.ask(), world.ask()
    matches = [match(world, first), match(world, second, renter=OTHER.address, bid_key=OTHER), match(world, first)]
    arguments = open_arguments(matches, ROUND, 7, DOMAIN)
    round_digest, number, renters, asks, bids, signatures = arguments
    assert (round_digest, number, signatures) == (ROUND, 7, [])
    assert renters == [RENTER.address, OTHER.address] and len(asks) == 2
    assert [(bid[3] & 0xFFFF, bid[3] >> 16 & 0xFFFF) for bid in bids] == [(0, 0), (1, 1), (0, 0)]
    assert [bid[4] >> 208 for bid in bids] == [one.bid.salt for one in matches]
    assert contracts.escrow.encode_abi("open", args=arguments), "the ABI takes it"


def test_signature_that_is_not_of_the_account_s_own_key_goes_into_the_list(world):
    wallet, raw = "0x" + "12" * 20, "0x" + "ab" * 80
    by_owner = match(world, renter=wallet)
    odd = Match(by_owner.bid, raw, by_owner.ask, by_owner.ask_signature, 100)
    *_, asks, bids, signatures = open_arguments([by_owner, odd], ROUND, 0, DOMAIN)
    assert asks[0][:2] == compact(by_owner.ask_signature)
    assert [bid[:2] for bid in bids] == [(bytes(32), bytes(32)), ((1).to_bytes(32), bytes(32))]
    assert signatures == [bytes.fromhex(by_owner.bid_signature[2:]), bytes.fromhex(raw[2:])]


def test_agent_signs_an_ask_by_its_own_key_and_nobody_else_does(world):
    by_agent, by_stranger = match(world, ask_key=AGENT), match(world, ask_key=OTHER)
    *_, asks, _, signatures = open_arguments([by_agent, by_stranger], ROUND, 0, DOMAIN)
    assert asks[0][:2] == compact(by_agent.ask_signature)
    assert asks[1][:2] == (bytes(32), bytes(32))
    assert signatures == [bytes.fromhex(by_stranger.ask_signature[2:])]


def test_signatures_of_members_stand_in_the_order_of_the_committee():
    members = tuple(sorted((one.address for one in ORACLES), key=lambda address: int(address, 16)))
    signatures = {
        members[2].lower(): "0x" + "33" * 64 + "1b",
        OTHER.address: "0x" + "44" * 64 + "1b",
        members[0]: "0x" + "11" * 64 + "1c",
    }
    quorum, words = quorum_arguments(Committee(3, 2, members), signatures)
    assert quorum == (3, 2, list(members), 0b101)
    assert words == [b"\x11" * 32, b"\x91" + b"\x11" * 31, b"\x33" * 32, b"\x33" * 32]


def test_groups_of_one_call_are_of_one_market():
    groups = [(LeaseGroup(one.address, 1, ()), ()) for one in (OPERATOR, OPERATOR, OTHER)]
    assert market_of(groups[:2]) == OPERATOR.address
    with pytest.raises(ValueError):
        market_of(groups)
    assert [groups_needed(count) for count in (1, 32, 33, 64)] == [1, 1, 2, 2]


def log_of(contracts, name: str, indexed: list[str], kinds: list[str], values: list) -> dict:
    return {
        "address": contracts.escrow.address,
        "topics": [HexBytes(topic_of("Escrow", name)), *(HexBytes(topic) for topic in indexed)],
        "data": HexBytes(encode(kinds, values)),
        "blockNumber": 5,
        "blockHash": HexBytes("0x" + "0b" * 32),
        "transactionHash": HexBytes("0x" + "0c" * 32),
        "transactionIndex": 0,
        "logIndex": 2,
    }


def word_of(address: str) -> str:
    return "0x" + int(address, 16).to_bytes(32).hex()


def test_one_log_tells_of_all_leases_of_a_group(contracts):
    terms = tuple(
        LeaseTerms("0x" + bytes([i]).hex() * 32, RENTER.address, PROVIDER.address, 100 + i, 500, 2_000_000_000, i)
        for i in range(1, 4)
    )
    group = LeaseGroup(OPERATOR.address, 3, terms)
    hashes = [bytes.fromhex(one.bid_hash[2:]) for one in terms]
    indexed = [word_of(group.market), "0x" + (3).to_bytes(32).hex(), ROUND]
    log = log_of(contracts, "LeasesOpened", indexed, ["bytes32[]", "uint256[]"], [hashes, group.terms()])
    opened = decode_log(contracts, log)
    assert all(isinstance(one, LeaseOpened) for one in opened)
    assert [one.lease_id for one in opened] == group.lease_ids()
    assert [(one.group, one.place, one.price, one.salt) for one in opened] == [
        (3, i - 1, 100 + i, i) for i in (1, 2, 3)
    ]
    assert {(one.origin.block_number, one.origin.log_index, one.market) for one in opened} == {(5, 2, group.market)}


def test_verdict_that_closed_nothing_is_passed_over_and_the_next_ones_keep_their_places(contracts):
    results = ["0x" + bytes([i]).hex() * 32 for i in range(5)]
    ends = [(1, 10), (1, 20), (7, 30), (2, 0), (3, 0)]
    verdicts = [
        Verdict(lease_id=result, outcome=outcome, pay=pay, result_digest=result)
        for result, (outcome, pay) in zip(results, ends, strict=True)
    ]
    chosen = [4 << 32 | 0b1011, 9 << 32 | 0b11 << 30]
    closed = [4 << 32 | 0b0010, 9 << 32 | 0b11 << 30]
    log = log_of(
        contracts,
        "LeasesSettled",
        [word_of(OPERATOR.address), "0x" + (2).to_bytes(32).hex()],
        ["uint256", "uint256[]", "uint256[]", "uint256[]", "bytes32[]"],
        [0b101, closed, chosen, pack_outcomes(verdicts), [bytes.fromhex(one[2:]) for one in results]],
    )
    (settled,) = decode_log(contracts, log)
    assert isinstance(settled, LeasesSettled)
    assert (settled.market, settled.epoch, settled.signers) == (OPERATOR.address, 2, 0b101)
    assert settled.settled == (
        SettledLease(4, 1, Outcome.PAID, 20, results[1]),
        SettledLease(9, 30, Outcome.FAILED, 0, results[3]),
        SettledLease(9, 31, Outcome.FRAUD, 0, results[4]),
    )


def test_skipped_match_is_told_by_index_and_reason(contracts):
    log = log_of(contracts, "MatchSkipped", ["0x" + (6).to_bytes(32).hex()], ["uint8"], [9])
    (skipped,) = decode_log(contracts, log)
    assert (skipped.index, skipped.reason) == (6, SkipReason.COVER)
