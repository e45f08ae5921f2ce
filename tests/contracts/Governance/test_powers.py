"""Who can call what that others cannot: every function of every ABI is asked as each power and as a stranger."""

from collections import defaultdict

import brownie
import pytest

from tests.contracts.Governance.calls import answer, calldata, functions, plain

OWNED = {"transferOwnership", "renounceOwnership"}
POWERS = {
    "timelock": {
        "Escrow": {"setFee", "setTreasury", "setOpeningPaused", *OWNED},
        "OracleCommittee": {"setCommittee", *OWNED},
        "Prepaid": {"setFee", *OWNED},
        "Timelock": {"updateDelay", "grantRole", "revokeRole"},
    },
    "governor": {"Timelock": {"schedule", "scheduleBatch", "cancel"}},
    "escrow": {"ProviderStake": {"slash"}},
    "stake": {"Escrow": {"addCover", "removeCover"}},
    "committee": {},
    "deployer": {},
    "operator": {},
    "treasury": {},
}
"""Which calls treat whom otherwise than anybody: all powers there are. (`acceptOwnership` is a pending owner's.)"""

JUMPDEST, ENDS = 0x5B, {0x00, 0x56, 0xF3, 0xFD, 0xFE, 0xFF}
"""A block begins with the one and ends with STOP, JUMP, RETURN, REVERT, INVALID or SELFDESTRUCT."""
FORBIDDEN = {0xF0: "CREATE", 0xF2: "CALLCODE", 0xF4: "DELEGATECALL", 0xF5: "CREATE2", 0xFF: "SELFDESTRUCT"}


def told_apart(world, caller):
    """Functions by contract that answer `caller` otherwise than a stranger, whatever plain arguments they get."""
    found = defaultdict(set)
    for name, entry in functions(world.contracts, views=False):
        for number in (0, 1, 2):
            data = calldata(entry, plain(number))
            contract = world.contracts[name]
            if answer(contract, data, caller.address) != answer(contract, data, world.stranger.address):
                found[name].add(entry["name"])
    return dict(found)


@pytest.mark.parametrize("power", POWERS)
def test_a_power_can_call_what_the_table_says_and_nothing_else(world, power):
    assert told_apart(world, getattr(world, power)) == POWERS[power]


def test_what_the_owner_may_do_is_what_its_interface_says(world):
    interface = brownie.interface.IEscrowGovernance.abi
    assert {entry["name"] for entry in interface} == POWERS["timelock"]["Escrow"] - OWNED


@pytest.mark.parametrize("name", ["PaymentChannels", "ModuleRegistry", "ProviderStake", "Reputation", "Messages"])
def test_no_function_of_a_contract_without_an_owner_is_the_owners(world, name):
    assert name not in POWERS["timelock"]
    assert not {entry["name"] for entry in world.contracts[name].abi if entry["type"] == "function"} & {"owner", *OWNED}


def test_no_contract_can_run_anothers_code_as_its_own_create_one_or_vanish(world):
    """No upgradability: what was deployed is what will run."""
    for name, contract in world.contracts.items():
        assert opcodes(bytes(brownie.web3.eth.get_code(contract.address))).isdisjoint(FORBIDDEN), name


def test_the_search_for_opcodes_finds_them():
    proxy = bytes.fromhex("363d3d373d3d3d363d73bebebebebebebebebebebebebebebebebebebebe5af43d82803e903d91602b57fd5bf3")
    assert opcodes(proxy) & FORBIDDEN.keys() == {0xF4}
    assert 0xF4 not in opcodes(bytes.fromhex("60f400")) | opcodes(bytes.fromhex("00f4"))
    assert 0xF4 in opcodes(bytes.fromhex("005bf4"))


def opcodes(code: bytes) -> set[int]:
    """Opcodes of a contract's code that can be reached: not what PUSH carries, nor data behind a block's end."""
    at, reached, found = 0, True, set()
    while at < len(code):
        reached = reached or code[at] == JUMPDEST
        found |= {code[at]} if reached else set()
        reached = reached and code[at] not in ENDS
        at += 1 + (max(0, code[at] - 0x5F) if code[at] <= 0x7F else 0)
    return found
