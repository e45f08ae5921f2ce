"""scripts/dry_run.py on real local chains: what it would send, what it costs, and what it refuses."""

import json
import re

import pytest

from scripts.dry_run import address_after, main
from scripts.networks import PROFILES

GOVERNOR, DEPLOYER = "0x" + "11" * 20, "0x6AC7EA33F8831EA9DCC53393AAA88B25A785DBF0"
ORACLES = ["0x" + f"{number:040x}" for number in (5, 3, 4)]
CONTRACTS = [
    "Timelock", "OracleCommittee", "ProviderStake", "Escrow", "PaymentChannels", "ModuleRegistry", "Prepaid",
    "Reputation", "Messages",
]  # fmt: skip
"""In the order in which they are deployed."""


def arguments(network="base", **changes):
    """The command line of a whole deployment, with changes; None leaves an option out."""
    given = {"--governor": GOVERNOR, "--deployer": DEPLOYER, "--threshold": "2", **changes}
    words = [word for name, value in given.items() if value is not None for word in (name, value)]
    return [network, *words, *(word for oracle in ORACLES for word in ("--oracle", oracle))]


@pytest.fixture
def local_profile(chain, tmp_path):
    """A profile of the tests' chain and its USDC stand-in, with changes; its path."""

    def written(chain_id=1337, **token):
        given = json.loads((PROFILES / "base.json").read_text())
        given["token"] |= {"address": chain.book.contracts["USDC"]} | token
        given |= {"network": "mine", "chainId": chain_id}
        (tmp_path / "mine.json").write_text(json.dumps(given))
        return str(tmp_path / "mine.json")

    return written


def test_addresses_are_those_that_the_chain_gives():
    """A pair that many libraries test with: this account's first two contracts."""
    assert address_after(DEPLOYER, 0).lower() == "0xcd234a471b72ba2f1ccf0a70fcaba648a5eecd8d"
    assert address_after(DEPLOYER, 1).lower() == "0x343c43a37d37dff08ae8c4a11544c718abb4fcf8"


def test_a_dry_run_says_what_would_be_sent_where_it_would_lie_and_what_it_costs(capsys):
    assert main([*arguments(), "--nonce", "7", "--gas-price", "0.01"]) == 0
    told = capsys.readouterr().out
    assert told.startswith(
        "Base, chain 8453 (NOT checked: no --rpc)\nUSDC 0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913, as "
    )
    steps = re.findall(r"^ *(\d)  (\w+) +([\d,]+) gas  (0x\w{40})$", told, re.MULTILINE)
    assert [(int(number), name) for number, name, _, _ in steps] == list(enumerate(CONTRACTS, 1))
    assert [address for *_, address in steps] == [address_after(DEPLOYER, nonce) for nonce in range(7, 16)]
    total = sum(int(gas.replace(",", "")) for _, _, gas, _ in steps)
    cost = f"{total / 10**11:.8f}"
    assert f"total            {total:>10,} gas  {cost} ETH at 0.01 gwei" in told
    assert f"      members = {', '.join(sorted(ORACLES))}\n" in told
    assert f"      proposers = {GOVERNOR}\n" in told
    assert "each of the 3 oracles bonds 1,000 USDC" in told


def test_data_for_programs_names_the_escrow_that_the_others_expect(capsys):
    assert main([*arguments("polygon"), "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    steps = {step["contract"]: step for step in plan["transactions"]}
    escrow, token = steps["Escrow"]["address"], plan["token"]
    assert steps["OracleCommittee"]["arguments"]["escrow"] == steps["ProviderStake"]["arguments"]["escrow"] == escrow
    assert {step["arguments"]["token"] for step in steps.values() if "token" in step["arguments"]} == {token}
    assert steps["Escrow"]["arguments"]["owner"] == steps["Timelock"]["address"]
    assert (plan["network"], plan["chainId"], plan["currency"]) == ("polygon", 137, "POL")
    assert (plan["firstNonce"], plan["gasPriceGwei"], plan["cost"], plan["checkedAtRpc"]) == (0, None, None, False)


def test_with_an_rpc_chain_and_token_are_checked_and_nonce_and_price_are_asked_for(chain, local_profile, capsys):
    before = chain.devnet.rpc("eth_blockNumber")
    assert main([*arguments(local_profile(), **{"--rpc": chain.devnet.rpc_url}), "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert plan["checkedAtRpc"] is True
    assert float(plan["gasPriceGwei"]) * 10**9 == int(chain.devnet.rpc("eth_gasPrice"), 16)
    assert chain.devnet.rpc("eth_blockNumber") == before  # nothing was sent


@pytest.mark.parametrize(
    "profile, complaint",
    [
        ({"chain_id": 8453}, "Base is chain 8453; this RPC serves chain 1337."),
        ({"address": "0x" + "12" * 20}, "There is no contract at 0x1212"),
        ({"address": "escrow"}, "has decimals None; USDC has 6."),
        ({"symbol": "USDT"}, "has symbol 'USDC'; USDC has 'USDT'."),
        ({"decimals": 18}, "has decimals 6; USDC has 18."),
        ({"version": "1"}, "has version '2'; USDC has '1'."),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_another_chain_or_token_than_the_profiles_is_refused(chain, local_profile, capsys, profile, complaint):
    if profile.get("address") == "escrow":
        profile = {"address": chain.book.contracts["Escrow"]}
    assert main(arguments(local_profile(**profile), **{"--rpc": chain.devnet.rpc_url})) == 1
    assert complaint in capsys.readouterr().err


@pytest.mark.parametrize(
    "words, complaint",
    [
        (arguments("mainnet"), "'mainnet' is no network that has a profile"),
        (arguments(**{"--governor": None}), "governor must be given"),
        (arguments(**{"--threshold": None}), "threshold must be given"),
        (arguments(**{"--deployer": None}), "deployer must be given"),
        (["base", "--governor", GOVERNOR, "--threshold", "2", "--deployer", DEPLOYER], "oracles must be given"),
        (arguments(**{"--deployer": "0x12"}), "deployer: '0x12' is not an address"),
        (arguments(**{"--rpc": "http://127.0.0.1:9"}), "The RPC http://127.0.0.1:9 does not answer"),
        (arguments(**{"--threshold": "4"}), "threshold: 4 of 3 distinct oracles cannot be met."),
    ],
    ids=["network", "governor", "threshold", "deployer", "oracles", "address", "rpc", "quorum"],
)
def test_what_cannot_be_planned_is_refused_in_one_line(capsys, words, complaint):
    assert main(words) == 1
    told = capsys.readouterr().err
    assert complaint in told
    assert told.count("\n") == 1
