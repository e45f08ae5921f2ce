"""No event of the contracts is passed over unseen: each is decoded, or left out for a reason that stands beside it."""

from pathlib import Path

import pytest
from eth_utils import keccak

from marketplace.adapters.chain.contracts import load_abi
from marketplace.adapters.chain.events import _BUILDERS, IGNORED, TOPICS, topic_of
from marketplace.domain import chain as domain

CONTRACTS = sorted(path.stem for path in Path(domain.__file__).parents[1].joinpath("adapters/chain/abi").glob("*.json"))


def events(contract: str) -> set[str]:
    return {item["name"] for item in load_abi(contract) if item["type"] == "event"}


@pytest.mark.parametrize("contract", CONTRACTS)
def test_every_event_of_the_abis_is_decoded_or_left_out_for_a_reason(contract):
    decoded = set(_BUILDERS) if contract == "Escrow" else set()
    assert decoded | IGNORED[contract].keys() == events(contract)
    assert decoded & IGNORED[contract].keys() == set()
    assert all(len(reason) > 10 for reason in IGNORED[contract].values())


def test_every_event_that_is_decoded_has_a_value_and_a_topic_of_its_own():
    assert len(TOPICS) == len(_BUILDERS)
    values = {value.__name__ for value in domain.ChainEvent.__args__}
    renamed = {"LeasesOpened": "LeaseOpened"}
    assert {renamed.get(name, name) for name in _BUILDERS} == values


def test_an_events_topic_is_the_hash_of_its_signature():
    for contract, event, kinds in (
        ("Escrow", "ClaimsSettled", "uint256,uint256,uint256"),
        ("USDC", "Transfer", "address,address,uint256"),
    ):
        assert topic_of(contract, event) == "0x" + keccak(text=f"{event}({kinds})").hex()
