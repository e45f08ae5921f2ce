"""scripts/networks.py: the profiles that ship are whole, and one that is not is refused by what is wrong with it."""

import json

import pytest
from eth_utils import is_checksum_address

from scripts.networks import PROFILES, NetworkError, known_networks, load_profile
from scripts.toolchain import CHAIN_ID

CHAINS = {"arbitrum-one": 42_161, "base": 8_453, "base-sepolia": 84_532, "polygon": 137}
"""EIP-155 chain ids, as the chains' own documentation has them."""
DAY = 86_400


def test_there_is_a_profile_of_every_network_that_we_name():
    assert known_networks() == sorted(CHAINS)


@pytest.mark.parametrize("network", CHAINS)
def test_a_profile_names_its_chain_its_token_and_where_both_come_from(network):
    profile = load_profile(network)
    assert profile.chain_id == CHAINS[network] != CHAIN_ID
    assert is_checksum_address(profile.token.address)
    assert (profile.token.symbol, profile.token.decimals, profile.token.version) == ("USDC", 6, "2")
    assert profile.token.source.startswith("https://developers.circle.com/")
    assert json.loads((PROFILES / f"{network}.json").read_text())["chainSource"].startswith("https://docs.")


@pytest.mark.parametrize("network", CHAINS)
def test_a_profile_gives_everybody_time_to_leave(network):
    given = load_profile(network).parameters
    assert given["timelockDelay"] >= 2 * DAY
    assert given["claimWindow"] >= DAY
    assert given["bondDelay"] >= given["claimWindow"] + given["disputeWindow"]
    assert given["minimumBond"] > 0


def test_no_two_networks_share_a_chain_or_a_token():
    profiles = [load_profile(network) for network in CHAINS]
    assert len({each.chain_id for each in profiles}) == len({each.token.address for each in profiles}) == len(CHAINS)


def test_a_network_without_a_profile_is_refused_with_those_that_have_one():
    with pytest.raises(NetworkError, match=r"'mainnet' is no network .* arbitrum-one, base, base-sepolia, polygon"):
        load_profile("mainnet")


@pytest.fixture
def write(tmp_path):
    """Write a profile of one's own: Base's with changes; its path."""

    def written(name="mine", **changes):
        given = json.loads((PROFILES / "base.json").read_text()) | {"network": "mine"} | changes
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps({key: value for key, value in given.items() if value is not None}))
        return str(path)

    return written


def test_a_profile_of_ones_own_is_named_by_its_path(write):
    assert load_profile(write()).network == "mine"


TOKEN = json.loads((PROFILES / "base.json").read_text())["token"]


@pytest.mark.parametrize(
    "changes, complaint",
    [
        ({"chainId": None}, "must have network, title, chainId"),
        ({"rpc": "https://example.org"}, "and nothing else"),
        ({"chainId": "8453"}, "chainId must be a int"),
        ({"chainId": True}, "chainId must be a int"),
        ({"token": TOKEN["address"]}, "token must be a dict"),
        ({"token": {**TOKEN, "address": TOKEN["address"].lower()}}, "is not an EIP-55 address"),
        ({"token": {**TOKEN, "address": TOKEN["address"][:-1] + "4"}}, "is not an EIP-55 address"),
        ({"token": {**TOKEN, "decimals": "6"}}, "token: decimals must be a int"),
        ({"parameters": {"timelockDelay": 1}}, "parameters: it must have timelockDelay, unbondingDelay"),
        ({"network": "another"}, "another than its name says"),
    ],
)
def test_a_profile_that_is_not_whole_is_refused(write, changes, complaint):
    with pytest.raises(NetworkError, match=complaint):
        load_profile(write(**changes))


def test_a_profile_that_is_no_json_is_refused(tmp_path):
    (tmp_path / "mine.json").write_text("{")
    with pytest.raises(NetworkError, match="is not JSON"):
        load_profile(str(tmp_path / "mine.json"))
