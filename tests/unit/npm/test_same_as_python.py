"""The package's TypeScript and the Python of `marketplace.published` compute the same, over many random cases."""

import random

import pytest
from eth_utils import to_checksum_address

from marketplace.domain.chain import RenterAccount
from marketplace.protocol.vouchers import Claim, compute_deposit_nonce, pack_payouts
from marketplace.published import (
    CHANNEL_MESSAGES,
    GROUP_SIZE,
    NETTED_MESSAGES,
    SIGNED_MESSAGES,
    Bid,
    ChannelConfig,
    ChannelsDomain,
    ClaimedLease,
    LeaseGroup,
    LeaseTerms,
    Outcome,
    PrepaidDomain,
    settled_of,
)
from tests.unit.npm.conftest import BOOK, Big

CASES = 40
CHANCE = random.Random()


@pytest.fixture(autouse=True)
def same_cases_every_time():
    CHANCE.seed(20_261_121)


def some(bits: int) -> int:
    """A number of at most so many bits, often one of the extremes."""
    return CHANCE.choice([0, 1, 2**bits - 1, CHANCE.getrandbits(bits), CHANCE.getrandbits(bits)])


def digest() -> str:
    return f"0x{CHANCE.getrandbits(256):064x}"


def address() -> str:
    return to_checksum_address(f"0x{some(160):040x}")


def some_group() -> LeaseGroup:
    leases = tuple(
        LeaseTerms(digest(), address(), address(), some(64), some(16), some(40), some(48))
        for _ in range(CHANCE.choice([1, 2, GROUP_SIZE, CHANCE.randint(1, GROUP_SIZE)]))
    )
    return LeaseGroup(address(), some(192), leases)


def opened_args(group: LeaseGroup) -> dict:
    """The arguments of the event as viem decodes them."""
    return {
        "market": group.market,
        "group": Big(group.number),
        "bidHashes": [lease.bid_hash for lease in group.leases],
        "terms": [Big(word) for word in group.terms()],
    }


def test_groups_leases_and_the_arguments_that_close_them_are_the_same(ask):
    groups = [some_group() for _ in range(CASES)]
    read = ask(*[["leases", "readGroup", opened_args(group)] for group in groups])
    for told, group in zip(read, groups, strict=True):
        ids = group.lease_ids()
        assert (told["market"], told["group"], told["commitment"]) == (
            group.market, group.number, "0x" + group.commitment().hex(),
        )  # fmt: skip
        assert told["leases"] == [
            {
                "leaseId": ids[place], "place": place, "bidHash": one.bid_hash, "words": list(one.words()),
                "renter": one.renter, "provider": one.provider, "price": one.price, "feeBps": one.fee_bps,
                "deadline": one.deadline, "salt": one.salt,
            }
            for place, one in enumerate(group.leases)
        ]  # fmt: skip


def test_chosen_terms_claimed_leases_and_open_bits_are_the_same(ask):
    groups = [some_group() for _ in range(CASES)]
    read = ask(*[["leases", "readGroup", opened_args(group)] for group in groups])
    asked, expected = [], []
    for group, raw in zip(groups, read, strict=True):
        told = as_given(raw)
        places = CHANCE.sample(range(len(group.leases)), CHANCE.randint(1, len(group.leases)))
        number, chosen, bids, terms = group.chosen(places)
        asked.append(["leases", "groupTerms", told, *places])
        expected.append({"group": number, "chosen": chosen, "bidsDigest": "0x" + bids.hex(), "terms": terms})
        place = places[0]
        claimed = ClaimedLease(group.lease_ids()[place], *group.leases[place].words())
        asked.append(["leases", "claimedLease", told["leases"][place]])
        expected.append({"leaseId": claimed.lease_id, "first": claimed.first, "second": claimed.second})
        kept = int.from_bytes(group.commitment()) % 2**224 << GROUP_SIZE
        for word, is_open in ((kept | 1 << place, True), (kept, False), (1 << place, False)):
            asked.append(["leases", "isOpen", told, place, Big(word)])
            expected.append(is_open)
    assert ask(*asked) == expected


def as_given(told: dict) -> dict:
    """An answer as an argument: its wide integers are BigInts again."""
    leases = [{**one, "words": [Big(each) for each in one["words"]]} for one in told["leases"]]
    return {**told, "group": Big(told["group"]), "terms": [Big(each) for each in told["terms"]], "leases": leases}


def test_verdicts_of_a_settlement_are_the_same(ask):
    settlements = [some_settlement() for _ in range(CASES)]
    read = ask(
        *[
            ["leases", "readSettled", {name: [Big(one) if isinstance(one, int) else "0x" + one.hex() for one in each]
                                       for name, each in args.items()}]
            for args in settlements
        ]
    )  # fmt: skip
    for told, args in zip(read, settlements, strict=True):
        assert len(told) == len(args["resultDigests"])
        assert [
            (one["group"], one["place"], one["outcome"], one["pay"], one["resultDigest"])
            for one in told
            if one["closed"]
        ] == [(one.group, one.place, one.outcome, one.pay, one.result_digest) for one in settled_of(args)]


def some_settlement() -> dict:
    """Arguments of a `LeasesSettled` about one to three groups."""
    chosen, closed, verdicts = [], [], []
    for _ in range(CHANCE.randint(1, 3)):
        number, bits = some(192) << GROUP_SIZE, CHANCE.getrandbits(GROUP_SIZE)
        chosen.append(number | bits)
        closed.append(number | bits & CHANCE.getrandbits(GROUP_SIZE))
        verdicts += [some(64) | CHANCE.choice(list(Outcome)) << 64 for _ in range(bits.bit_count())]
    outcomes = [
        sum(one << 80 * at for at, one in enumerate(verdicts[start : start + 3]))
        for start in range(0, len(verdicts), 3)
    ]
    digests = [bytes.fromhex(digest()[2:]) for _ in verdicts]
    return {"closed": closed, "chosen": chosen, "outcomes": outcomes, "resultDigests": digests}


def test_prices_split_and_salts_go_on_the_same_way(ask):
    asked, expected = [], []
    for _ in range(CASES):
        price, fee_bps = some(64), CHANCE.randint(0, 1_000)
        pay = CHANCE.randint(0, price)
        fee = pay * fee_bps // 10_000
        asked.append(["leases", "splitPrice", {"price": Big(price), "feeBps": fee_bps}, Big(pay)])
        expected.append({"paid": pay - fee, "fee": fee, "refund": price - pay})
        account = RenterAccount(free=0, salt_base=CHANCE.getrandbits(40), window=some(144))
        asked.append(["leases", "nextSalt", {"saltBase": account.salt_base, "window": Big(account.window)}])
        expected.append(account.next_salt)
    assert ask(*asked) == expected


# --- what is signed -------------------------------------------------------------------------------------------


def some_value(kind: str):
    """A value of a Solidity type, as Python takes it; wide integers come back as BigInts."""
    if kind in ("address", "bytes32"):
        return address() if kind == "address" else digest()
    bits = int(kind.removeprefix("u").removeprefix("int"))
    number = some(bits - (not kind.startswith("u")))
    return Big(number) if bits > 48 else number


def some_message(cls) -> dict:
    fields = {}
    for name, kind in cls.solidity_fields():
        if kind.endswith("[]"):
            nested = next((each for each in CHANNEL_MESSAGES if each.__name__ == kind[:-2]), None)
            fields[name] = [
                some_message(nested) if nested else some_value(kind[:-2]) for _ in range(CHANCE.randint(0, 4))
            ]
        else:
            fields[name] = some_value(kind)
    return fields


def test_wallets_sign_the_same_digest_of_every_message(ask):
    names = ("escrowDomain", "channelsDomain", "prepaidDomain")
    escrow, channels, prepaid = ask(*[["data", name, BOOK.to_json()] for name in names])
    python = ChannelsDomain(BOOK.chain_id, BOOK.contracts["PaymentChannels"])
    own = PrepaidDomain(BOOK.chain_id, BOOK.contracts["Prepaid"])
    assert (escrow, channels, prepaid) == (BOOK.domain.as_json(), python.as_json(), own.as_json())
    asked, expected = [], []
    whole = (
        (SIGNED_MESSAGES, escrow, BOOK.domain),
        (CHANNEL_MESSAGES, channels, python),
        ((Bid, *NETTED_MESSAGES), prepaid, own),
    )
    for messages, told, domain in whole:
        for cls in messages:
            for _ in range(5):
                fields = some_message(cls)
                document = {"domain": told, "types": cls.typed_data_types(), "primaryType": cls.__name__}
                asked.append(["viem", "hashTypedData", {**document, "message": fields}])
                expected.append(cls.parse(fields).digest(domain))
    assert ask(*asked) == expected


# --- channels -------------------------------------------------------------------------------------------------


def some_config(payee: str) -> ChannelConfig:
    nobody = "0x" + "00" * 20
    return ChannelConfig(
        payer=address(), payer_authorizer=CHANCE.choice([nobody, address()]), receiver=payee, receiver_authorizer=payee,
        token=address(), withdraw_delay=some(40), salt=digest(),
    )  # fmt: skip


def some_claim(payees: list[str]) -> Claim:
    signature = bytes.fromhex(digest()[2:] + digest()[2:])
    long = CHANCE.choice([b"\x1b", b"", b"\x01" * 40])
    return Claim(some_config(CHANCE.choice(payees)), some(128), signature + long, some(96))


def as_js(claim: Claim) -> dict:
    return {
        "config": claim.config.to_json(),
        "maxClaimableAmount": Big(claim.max_claimable_amount),
        "signature": "0x" + claim.signature.hex(),
        "totalClaimed": Big(claim.total_claimed),
    }


def test_payouts_channel_ids_and_deposit_nonces_are_the_same(ask):
    domain = ChannelsDomain(BOOK.chain_id, BOOK.contracts["PaymentChannels"])
    batches = [[some_claim([address(), address()]) for _ in range(CHANCE.randint(1, 6))] for _ in range(CASES)]
    ids = [batch[0].config.channel_id(domain) for batch in batches]
    packed = ask(*[["channels", "packPayouts", [as_js(claim) for claim in batch]] for batch in batches])
    assert packed == [[payout_in_json(payout) for payout in pack_payouts(batch)] for batch in batches]
    assert ids == ask(*[["channels", "channelId", batch[0].config.to_json(), domain.as_json()] for batch in batches])
    nonces = ask(*[["channels", "depositNonce", one, Big(7)] for one in ids])
    assert nonces == [compute_deposit_nonce(one, 7) for one in ids]


def payout_in_json(payout: tuple) -> dict:
    receiver, authorizer, redemptions, signatures = payout
    fields = ("payer", "authorizer", "salt", "maxClaimableAmount", "r", "vs")
    packed = [dict(zip(fields, map(in_json, one), strict=True)) for one in redemptions]
    return {
        "receiver": receiver, "receiverAuthorizer": authorizer, "redemptions": packed,
        "signatures": [in_json(one) for one in signatures],
    }  # fmt: skip


def in_json(value):
    return "0x" + value.hex() if isinstance(value, bytes) else value
