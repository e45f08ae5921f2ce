"""Python and Solidity agree: every digest, every quote, every error name; and the adapter tells what the chain says."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from marketplace.adapters.chain import AddressBook, ChainReader, ChainSender, Contracts
from marketplace.adapters.chain.contracts import load_abi
from marketplace.adapters.chain.errors import custom_errors, decode_revert
from marketplace.domain.chain import Deposited, LeaseClosed, LeaseOpened, RoundOpened
from marketplace.errors import ChainUnavailable, InsufficientFunds, Reverted
from marketplace.ports import Match
from marketplace.protocol.enums import LeaseState, Outcome
from marketplace.protocol.messages import (
    Ask,
    Attestation,
    Bid,
    Cancel,
    Receipt,
    Verdict,
    VerdictBatch,
    compute_lease_id,
)
from marketplace.protocol.metering import compute_quote
from tests.unit.protocol.test_messages import messages_of

HASHED = {
    Ask: "hashAsk",
    Bid: "hashBid",
    Attestation: "hashAttestation",
    Verdict: "hashVerdict",
    VerdictBatch: "hashVerdictBatch",
    Receipt: "hashReceipt",
    Cancel: "hashCancel",
}
many = settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


@given(st.sampled_from(list(HASHED)).flatmap(messages_of))
@many
def test_python_and_solidity_hash_every_message_alike(chain, message):
    functions = chain.contracts().escrow.functions
    given_ = message.as_tuple()[0] if isinstance(message, VerdictBatch) else message.as_tuple()
    struct_hash = getattr(functions, HASHED[type(message)])(given_).call()
    assert "0x" + struct_hash.hex() == message.struct_hash()
    assert "0x" + functions.digestOf(struct_hash).call().hex() == message.digest(chain.book.domain)


def test_python_and_solidity_have_the_same_domain(chain):
    functions = chain.contracts().escrow.functions
    assert functions.domainSeparator().call() == chain.book.domain.separator()
    _, name, version, chain_id, address, _, _ = functions.eip712Domain().call()
    assert {"name": name, "version": version, "chainId": chain_id, "verifyingContract": address} == (
        chain.book.domain.as_json()
    )


@given(messages_of(Ask), messages_of(Bid))
@many
def test_python_and_solidity_quote_alike(chain, ask, bid):
    quoted = chain.contracts().escrow.functions.quote(ask.as_tuple(), bid.as_tuple()).call()
    assert quoted == compute_quote(ask.rates, bid.resources).total


@given(messages_of(Bid))
@many
def test_python_and_solidity_name_a_lease_alike(chain, bid):
    named = chain.contracts().escrow.functions.leaseIdOf(bid.struct_hash(), bid.renter).call()
    assert "0x" + named.hex() == compute_lease_id(bid.struct_hash(), bid.renter)


def test_every_custom_error_arrives_by_name_with_its_values():
    from eth_abi import encode

    for selector, item in custom_errors().items():
        kinds = [argument["type"] for argument in item["inputs"]]
        samples = {
            "address": "0x" + "11" * 20,
            "bytes32": b"\x22" * 32,
            "string": "x",
            "bytes": b"x",
            "bytes1": b"a",
            "bytes4": b"abcd",
        }
        values = [samples.get(kind, 1) for kind in kinds]
        caught = decode_revert("0x" + selector + encode(kinds, values).hex())
        assert caught.name == item["name"]
        assert list(caught.args_) == [argument["name"] for argument in item["inputs"]]
        json.dumps(caught.args_)


def orders(chain, salt: int, **changes) -> tuple[Bid, Ask]:
    now = chain.reader().head().timestamp
    bid = {
        "renter": chain.address("renter"), "market": chain.address("market"), "job_digest": "0x" + "ab" * 32, "gpus": 0,
        "vcpus": 1, "memory_mb": 100, "duration_seconds": 3600, "fuel": 0, "egress_mb": 0, "max_price": 500_000,
        "replicas": 1, "verification": 0, "deadline": now + 5_000, "valid_until": now + 1_000, "salt": salt,
    } | changes  # fmt: skip
    ask = Ask(
        provider=chain.address("provider"), market=chain.address("market"), agent=chain.address("provider"),
        profile_digest="0x" + "cd" * 32, gpu_hour_rate=0, vcpu_hour_rate=200_000, gb_hour_rate=0, gfuel_rate=0,
        egress_gb_rate=0, minimum_charge=0, units=5, valid_until=now + 1_000, salt=salt,
    )  # fmt: skip
    return Bid(**bid), ask


def matched(chain, salt: int, price: int = 300_000, **changes) -> Match:
    bid, ask = orders(chain, salt, **changes)
    domain = chain.book.domain
    return Match(
        bid, bid.sign(domain, chain.keys["renter"].key), ask, ask.sign(domain, chain.keys["provider"].key), price
    )


def send(chain, sent_of) -> None:
    sender = ChainSender(chain.contracts(), chain.keys["market"].key)
    sent = sent_of(sender)
    sender.broadcast(sent)
    sender.broadcast(sent)  # sending it again is not an error
    result = sender.result(sent.tx_hash)
    assert result is not None and result.succeeded
    assert sender.is_nonce_used(sent.nonce)


def test_lease_lives_from_open_to_paid_and_its_events_tell_it(chain):
    match = matched(chain, salt=1)
    reader, domain = chain.reader(), chain.book.domain
    first = reader.head().number + 1
    send(chain, lambda sender: sender.prepare_open([match], "0x" + "77" * 32))
    lease_id = compute_lease_id(match.bid.struct_hash(), match.ask.provider)
    lease = reader.lease(lease_id)
    assert (lease.state, lease.locked, lease.penalty) == (LeaseState.OPEN, 300_000, 300_000)
    assert reader.stake(match.ask.provider).locked == 300_000
    assert (reader.filled(match.bid.struct_hash()), reader.open_units(match.ask.struct_hash())) == (1, 1)

    batch = VerdictBatch(verdicts=(Verdict(lease_id=lease_id, outcome=1, pay=100_000, result_digest="0x" + "99" * 32),))
    oracles = sorted((chain.keys["oracle1"], chain.keys["oracle2"]), key=lambda one: int(one.address, 16))
    signatures = [batch.sign(domain, one.key) for one in oracles]
    before = reader.balance(match.ask.provider).free
    send(chain, lambda sender: sender.prepare_settle(batch.verdicts, signatures))
    opened, round_opened, closed = reader.events(first, reader.head().number)
    assert isinstance(opened, LeaseOpened) and isinstance(round_opened, RoundOpened) and isinstance(closed, LeaseClosed)
    assert (opened.lease_id, opened.bid_hash, opened.round_digest) == (
        lease_id,
        match.bid.struct_hash(),
        "0x" + "77" * 32,
    )
    assert (closed.outcome, closed.paid, closed.fee, closed.refund) == (Outcome.PAID, 95_000, 5_000, 200_000)
    assert reader.balance(match.ask.provider).free == before + 95_000
    assert reader.reputation(match.ask.provider).settled == 1
    assert reader.lease(lease_id).state is LeaseState.CLOSED


def test_refused_call_raises_the_contracts_own_error_before_anything_is_sent(chain):
    sender = ChainSender(chain.contracts(), chain.keys["market"].key)
    with pytest.raises(Reverted) as caught:
        sender.prepare_open([matched(chain, salt=2, price=500_001)], "0x" + "00" * 32)
    assert (caught.value.name, caught.value.args_) == ("PriceAboveMax", {"price": 500_001, "maxPrice": 500_000})
    with pytest.raises(Reverted) as caught:
        chain.reader().simulate_open([matched(chain, salt=2)], "0x" + "00" * 32, chain.address("stranger"))
    assert caught.value.name == "NotMarket"


def test_call_that_takes_too_much_gas_is_refused_like_any_other_and_not_a_chain_that_is_away(chain, monkeypatch):
    sender = ChainSender(chain.contracts(), chain.keys["market"].key)
    match = matched(chain, salt=4)
    monkeypatch.setattr("marketplace.adapters.chain.sender.OPEN_GAS", 100_000)
    with pytest.raises(Reverted) as caught:
        sender.prepare_open([match], "0x" + "00" * 32)
    assert caught.value.name == "TooMuchGas"
    monkeypatch.setattr("marketplace.adapters.chain.reader.OPEN_GAS", 100_000)
    with pytest.raises(Reverted):
        chain.reader().simulate_open([match], "0x" + "00" * 32, chain.address("market"))


def test_transaction_whose_fee_no_longer_does_goes_out_again_for_more_with_the_same_nonce(chain, monkeypatch):
    sender = ChainSender(chain.contracts(), chain.keys["market"].key)
    match = matched(chain, salt=5)
    with monkeypatch.context() as patch:
        patch.setattr(sender, "_fees", lambda base: {"maxPriorityFeePerGas": 1, "maxFeePerGas": 2})
        cheap = sender.prepare_open([match], "0x" + "00" * 32)
    dear = sender.reprice(cheap)
    assert dear is not None and dear.nonce == cheap.nonce and dear.tx_hash != cheap.tx_hash
    assert sender.reprice(dear) is None
    send(chain, lambda _: dear)
    lease = chain.reader().lease(compute_lease_id(match.bid.struct_hash(), match.ask.provider))
    assert lease.state is LeaseState.OPEN, "it is the same call"


MAGIC = "631626ba7e60e01b60005260206000f3"
"""PUSH4 0x1626ba7e, PUSH1 0xe0, SHL, PUSH1 0, MSTORE, PUSH1 0x20, PUSH1 0, RETURN: accepts every signature."""
BURN = "6201ffff5b6001900380600457"
"""Counts down from 131,071 first, which takes about 3,400,000 gas."""


def deploy_runtime(chain, runtime: str) -> str:
    """A contract with just this code."""
    web3 = chain.contracts().web3
    code = bytes.fromhex(runtime)
    init = bytes.fromhex(f"60{len(code):02x}600c60003960{len(code):02x}6000f3") + code
    key = chain.keys["stranger"]
    transaction = {
        "from": key.address, "data": init, "gas": 500_000, "gasPrice": web3.eth.gas_price, "chainId": web3.eth.chain_id,
        "nonce": web3.eth.get_transaction_count(key.address), "value": 0,
    }  # fmt: skip
    sent = web3.eth.send_raw_transaction(key.sign_transaction(transaction).raw_transaction)
    return web3.eth.wait_for_transaction_receipt(sent)["contractAddress"]


@pytest.mark.parametrize(
    "runtime, accepted",
    [
        (MAGIC, True),
        (BURN + MAGIC, False),
        ("60006000fd", False),
        ("6308c379a060e01b60005260056000fd", False),
        ("00", False),
        ("60ff60005260206000f3", False),
        ("fe", False),
    ],
    ids=["accepts", "takes too much gas", "reverts", "reverts with garbage", "no answer", "another answer", "invalid"],
)
def test_contract_signs_only_by_a_cheap_and_clear_yes(chain, runtime, accepted):
    account = deploy_runtime(chain, runtime)
    assert chain.reader().has_code(account)
    assert chain.reader().is_valid_contract_signature(account, "0x" + "11" * 32, "0x1234") is accepted


def test_refund_waits_for_the_deadline_and_anyone_may_send_it(chain):
    match = matched(chain, salt=3)
    send(chain, lambda sender: sender.prepare_open([match], "0x" + "00" * 32))
    lease_id = compute_lease_id(match.bid.struct_hash(), match.ask.provider)
    with pytest.raises(Reverted, match="DeadlineNotPassed"):
        chain.account("stranger").refund([lease_id])
    chain.devnet.advance_time(6_000)
    chain.account("stranger").refund([lease_id])
    assert chain.reader().reputation(match.ask.provider).expired == 1


def test_wallet_without_the_money_is_told_so_before_anything_is_sent(chain):
    with pytest.raises(InsufficientFunds, match="holds 0"):
        chain.account("stranger").deposit(1)


def test_node_that_does_not_answer_is_an_unavailable_chain(chain):
    dead = ChainReader(Contracts("http://127.0.0.1:9", chain.book))
    with pytest.raises(ChainUnavailable):
        dead.head()


def test_address_book_survives_being_written_and_read(chain, tmp_path):
    path = tmp_path / "book.json"
    path.write_text(json.dumps(chain.book.to_json()))
    assert AddressBook.load(path) == chain.book


def test_deposits_are_seen_as_events(chain):
    reader = chain.reader()
    seen = [
        event for event in reader.events(reader.deployed_at_block, reader.head().number) if isinstance(event, Deposited)
    ]
    assert (seen[0].account, seen[0].amount) == (chain.address("renter"), 10_000_000)
    assert load_abi("Escrow")
