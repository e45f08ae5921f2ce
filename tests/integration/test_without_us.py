"""docs/how-to/without-us.md, followed to the letter: everybody's due by `cast` alone, on a chain without a market."""

import re

import pytest
from eth_utils import to_checksum_address

from marketplace.adapters.chain import ChainSender
from marketplace.protocol.vouchers import ChannelConfig, ChannelsDomain, Voucher
from scripts.toolchain import ROOT
from tests.integration.conftest import USDC, TestChain
from tests.integration.matches import (
    PRICE,
    RESULT,
    group_of,
    make_ask,
    make_bid,
    matched,
    open_leases,
    send,
    signed,
    verdict,
)
from tests.integration.walkthrough import (
    Page,
    Reader,
    Refused,
    choose_lease,
    numbers,
    read_terms,
    sit_down_at,
)

CLAIM_WINDOW, DISPUTE_WINDOW, DELAY = 86_400, 259_200, 604_800
EVIDENCE = {
    "JOB": "0x" + "ab" * 32, "RESULT": RESULT, "FUEL": 7, "WALL": 3, "EGRESS": 40, "CODE": -1,
    "SANDBOX": "0x" + "5a" * 32, "START": 1_700_000_000, "END": 1_700_000_003,
}  # fmt: skip
FEE = PRICE * 500 // 10_000
DEPOSIT = 2 * USDC
PAGE = ROOT / "docs" / "how-to" / "without-us.md"


@pytest.fixture(scope="module")
def page():
    return Page.load(PAGE)


@pytest.fixture
def people(chain, page, tmp_path):
    """Whoever is asked for, at a terminal of their own, after the page's set-up."""

    def sit_down(name: str) -> Reader:
        reader = sit_down_at(page, tmp_path / name, chain.keys[name].key, chain.devnet.rpc_url, chain.book)
        assert reader.follow("set-up", 1) == f"I am {chain.address(name)} on chain {chain.book.chain_id}\n"
        return reader

    return sit_down


@pytest.fixture(autouse=True)
def empty_accounts(chain):
    """Nobody has anything in the escrow but the renter its deposit."""
    for name in ("renter", "provider"):
        if amount := chain.reader().balance(chain.address(name)).free:
            chain.account(name).withdraw(amount)
    chain.account("renter").deposit(DEPOSIT)


def open_three(chain: TestChain, salt: int) -> list:
    """What the market did before its servers went off: three leases of the renter with the provider."""
    ask = make_ask(chain)
    return open_leases(chain, *[matched(chain, make_bid(chain, salt + at), ask) for at in range(3)])


def tokens(chain: TestChain, name: str) -> int:
    """USDC in somebody's own hands."""
    return chain.reader().token_balance(chain.address(name))


def take_everything_out(chain: TestChain, reader: Reader, name: str) -> int:
    """What reached somebody's own hands by withdrawing all that the page says is theirs."""
    before = tokens(chain, name)
    (amount,) = numbers(reader.follow("what-is-yours", 0))
    reader.follow("take-it-out", 0, AMOUNT=amount)
    assert numbers(reader.follow("what-is-yours", 0)) == [0]
    assert tokens(chain, name) - before == amount
    return amount


def selector(error: str) -> str:
    """The four bytes that the page's table gives for an error of this name."""
    return re.search(rf"`(0x[0-9a-f]{{8}})` \| `{error}\(", PAGE.read_text())[1]


# --- renters --------------------------------------------------------------------------------------------------


def test_renter_finds_its_lease_and_gets_the_price_back_after_the_deadline(chain, people):
    open_three(chain, 1)
    renter = people("renter")
    told = choose_lease(renter, 1)
    assert (told["renter"], told["provider"]) == (chain.address("renter"), chain.address("provider"))
    assert (told["open"], told["price"], told["fee"], told["salt"]) == ("true", str(PRICE), "500", "2")
    with pytest.raises(Refused, match=selector("DeadlineNotPassed")):
        renter.follow("renter-get-a-refund")
    chain.devnet.advance_time(6_000)
    renter.follow("renter-get-a-refund")
    assert [choose_lease(renter, place)["open"] for place in range(3)] == ["true", "false", "true"]
    assert take_everything_out(chain, renter, "renter") == DEPOSIT - 2 * PRICE


def test_renter_and_provider_end_leases_by_receipts_without_any_oracle(chain, people):
    open_three(chain, 11)
    renter, provider = people("renter"), people("provider")
    choose_lease(renter, 0)
    renter.follow("renter-pay-for-a-result", 0, PAY=PRICE, RESULT=RESULT)
    renter.follow("renter-pay-for-a-result", 1)

    less = PRICE - 50_000
    choose_lease(renter, 1)
    receipt = renter.follow("renter-pay-for-a-result", 0, PAY=less, RESULT=RESULT).strip()
    with pytest.raises(Refused, match=selector("ReceiptNeedsProvider")):
        renter.follow("renter-pay-for-a-result", 1)
    choose_lease(provider, 1)
    provider.follow("provider-take-a-receipt", 0, PAY=less, RESULT=RESULT, RECEIPT=receipt)
    assert take_everything_out(chain, provider, "provider") == (PRICE - FEE) + (less - less // 20)
    assert take_everything_out(chain, renter, "renter") == DEPOSIT - 3 * PRICE + 50_000


def test_renter_disputes_a_claim_and_gets_everything_back_if_no_oracle_ever_speaks(chain, people):
    open_three(chain, 21)
    provider, renter = people("provider"), people("renter")
    for reader in (provider, renter):
        choose_lease(reader, 0)
    provider.follow("provider-claim", 0, PAY=PRICE, **EVIDENCE)
    provider.follow("provider-claim", 1)
    state, pay, _, bond = numbers(renter.follow("renter-dispute-a-claim", 0))
    assert (state, pay, bond) == (1, PRICE, 0)
    renter.follow("renter-dispute-a-claim", 1)
    assert numbers(renter.follow("what-is-yours", 0)) == [DEPOSIT - 3 * PRICE - PRICE // 10]
    with pytest.raises(Refused, match=selector("WrongClaimState")):
        provider.follow("provider-be-paid")
    with pytest.raises(Refused, match=selector("WindowNotOver")):
        renter.follow("renter-end-a-dispute-that-nobody-decides")
    assert numbers(renter.follow("renter-dispute-a-claim", 0))[0] == 2
    chain.devnet.advance_time(DISPUTE_WINDOW + 1)
    renter.follow("renter-end-a-dispute-that-nobody-decides")
    assert take_everything_out(chain, renter, "renter") == DEPOSIT - 2 * PRICE


def test_renter_voids_every_bid_that_a_market_might_still_open(chain, people):
    renter = people("renter")
    renter.follow("renter-void-a-bid", 0, SALT=40)
    assert chain.reader().is_void(chain.address("renter"), 39)
    assert not chain.reader().is_void(chain.address("renter"), 40)


# --- providers ------------------------------------------------------------------------------------------------


def test_provider_claims_and_is_paid_once_the_window_is_over(chain, people):
    open_three(chain, 41)
    provider = people("provider")
    choose_lease(provider, 2)
    provider.follow("provider-claim", 0, PAY=PRICE - 1_000, **EVIDENCE)
    provider.follow("provider-claim", 1)
    assert numbers(provider.follow("renter-dispute-a-claim", 0))[:2] == [1, PRICE - 1_000]
    with pytest.raises(Refused, match=selector("WindowNotOver")):
        provider.follow("provider-be-paid")
    chain.devnet.advance_time(CLAIM_WINDOW + 1)
    provider.follow("provider-be-paid")
    assert take_everything_out(chain, provider, "provider") == PRICE - 1_000 - (PRICE - 1_000) // 20


def test_agent_claims_for_its_provider_with_evidence_that_cast_signed(chain, people):
    open_three(chain, 51)
    provider, agent = people("provider"), people("stranger")
    choose_lease(provider, 0)
    provider.follow("provider-claim", 0, PAY=PRICE, **EVIDENCE)
    keys = {"ETH_KEYSTORE": agent.folder / "key.json", "ETH_PASSWORD": agent.folder / "password"}
    provider.follow("provider-let-the-agent-claim", 0, AGENT=chain.address("stranger"))
    provider.follow("provider-let-the-agent-claim", 1, **keys)
    provider.follow("provider-let-the-agent-claim", 2)
    provider.follow("provider-let-the-agent-claim", 3)
    chain.devnet.advance_time(CLAIM_WINDOW + 1)
    provider.follow("provider-be-paid")
    assert chain.reader().balance(chain.address("provider")).free == PRICE - FEE


def test_provider_takes_its_stake_home(chain, people):
    provider = people("provider")
    active, needed, *_ = numbers(provider.follow("what-is-yours", 1))
    assert active == 10 * USDC and needed > 0, "leases of other tests are open still"
    with pytest.raises(Refused, match=selector("InsufficientCover")):
        provider.follow("provider-unstake", 0, AMOUNT=active)
    provider.follow("provider-unstake", 0, AMOUNT=active - needed)
    with pytest.raises(Refused, match=selector("StillUnbonding")):
        provider.follow("provider-unstake", 1)
    chain.devnet.advance_time(DELAY + 1)
    before = tokens(chain, "provider")
    provider.follow("provider-unstake", 1)
    assert tokens(chain, "provider") - before == active - needed


# --- oracles --------------------------------------------------------------------------------------------------


def test_oracle_fetches_its_fees_resigns_and_takes_its_bond_home(chain, people):
    chain.account("provider").stake(USDC)
    opened = open_three(chain, 61)
    verdicts, signers = [verdict(opened[0].lease_id, 1, PRICE)], ("oracle1", "oracle2")
    group, committee = group_of(chain, opened[0]), chain.reader().committee()
    signatures = signed(chain, verdicts, signers)
    send(chain, lambda market: market.prepare_settle(group.market, [(group, (0,))], verdicts, committee, signatures))
    chain.account("renter").bond_oracle(chain.address("oracle1"), USDC)

    oracle = people("oracle1")
    members = re.findall(r"0x[0-9a-fA-F]{40}", oracle.follow("oracle-fetch-fees-and-bond", 0))
    index = members.index(chain.address("oracle1"))
    credit = numbers(oracle.follow("oracle-fetch-fees-and-bond", 1, INDEX=index))
    assert credit == [FEE // 5 // len(signers)]
    oracle.follow("oracle-fetch-fees-and-bond", 2)
    assert take_everything_out(chain, oracle, "oracle1") == credit[0]
    oracle.follow("oracle-fetch-fees-and-bond", 3)
    assert tokens(chain, "treasury") == FEE - 2 * credit[0]

    bond = numbers(oracle.follow("oracle-fetch-fees-and-bond", 4))[0]
    with pytest.raises(Refused, match=selector("BondInsufficient")):
        oracle.follow("oracle-fetch-fees-and-bond", 6, AMOUNT=bond)
    oracle.follow("oracle-fetch-fees-and-bond", 6, AMOUNT=USDC)
    oracle.follow("oracle-fetch-fees-and-bond", 5)
    oracle.follow("oracle-fetch-fees-and-bond", 6, AMOUNT=bond - USDC)
    with pytest.raises(Refused, match=selector("BondStillLocked")):
        oracle.follow("oracle-fetch-fees-and-bond", 7)
    chain.devnet.advance_time(DELAY + 1)
    oracle.follow("oracle-fetch-fees-and-bond", 7)
    assert tokens(chain, "oracle1") == credit[0] + bond


# --- channels -------------------------------------------------------------------------------------------------


def open_channel(chain: TestChain) -> tuple[ChannelConfig, str]:
    """A channel with a USDC in it, and a voucher over 0.6 of it that the payer signed."""
    contracts, renter, provider = chain.contracts(), chain.address("renter"), chain.address("provider")
    channels = contracts.at("PaymentChannels")
    config = ChannelConfig(
        payer=renter, payer_authorizer=renter, receiver=provider, receiver_authorizer=provider,
        token=contracts.token.address, withdraw_delay=3_600, salt="0x" + "07" * 32,
    )  # fmt: skip
    payer = ChainSender(contracts, chain.keys["renter"].key)
    payer.send_and_wait(contracts.token.functions.approve(channels.address, USDC))
    payer.send_and_wait(channels.functions.deposit(config.as_tuple(), USDC))
    domain = ChannelsDomain(chain.book.chain_id, channels.address)
    voucher = Voucher(channel_id=config.channel_id(domain), max_claimable_amount=600_000)
    return config, voucher.sign(domain, chain.keys["renter"].key)


def test_payee_redeems_its_voucher_and_payer_gets_the_rest(chain, people):
    config, voucher = open_channel(chain)
    payer, payee = people("renter"), people("provider")
    terms = read_terms(payee)
    assert [to_checksum_address(party) for party in terms[:3]] == [config.payer, config.payer, config.receiver]
    named = {"PAYER": terms[0], "SIGNER": terms[1], "PAYEE": terms[2], "AUTHORIZER": terms[3]}
    delay, salt = terms[5].removeprefix("0x").lstrip("0"), terms[6]
    amounts = {"MOST": 600_000, "TOTAL": 500_000, "VOUCHER": voucher}
    payee.follow("payment-channels", 4, **named, DELAY=delay, SALT=salt, **amounts)
    before = tokens(chain, "provider")
    payee.follow("payment-channels", 5, PAYEE=terms[2])
    assert tokens(chain, "provider") - before == 500_000

    read_terms(payer)
    payer.follow("payment-channels", 2)
    with pytest.raises(Refused, match=selector("WindowStillOpen")):
        payer.follow("payment-channels", 3)
    chain.devnet.advance_time(3_600)
    before = tokens(chain, "renter")
    payer.follow("payment-channels", 3)
    assert tokens(chain, "renter") - before == 500_000


# --- the page itself ------------------------------------------------------------------------------------------


def test_the_page_needs_no_program_of_ours(page):
    text = "\n".join(block for blocks in page.blocks.values() for block in blocks)
    programs = re.findall(r"(?:^|\$\(|\| )([a-z]+) ", re.sub(r" #.*", "", text), re.MULTILINE)
    assert set(programs) == {"cast", "cat", "echo", "export", "grep", "printf"}


def test_every_command_of_the_page_was_run(page):
    """The last test of this file: it says something about the others."""
    assert page.not_run() == []
