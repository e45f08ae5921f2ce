"""The path of a real network: the token was there before, oracles bond themselves, anybody starts, a job is paid."""

import dataclasses
import json

import brownie
import pytest

from marketplace.protocol.eip712 import Domain
from scripts.deploy import DeploymentError, main, read_parameters
from scripts.networks import PROFILES, NetworkError
from tests.contracts.deployed import project
from tests.contracts.world import FREE, PRICE, STAKED, UINT256_MAX, USDC, reverts_with

BOND = 1_000 * USDC
"""What the profile asks of every oracle."""


@pytest.fixture
def token():
    """A USDC that somebody else deployed."""
    return brownie.accounts[18].deploy(project().FiatToken)


@pytest.fixture
def deploy(world, token, tmp_path, monkeypatch):
    """Run scripts/deploy.py with a profile of this chain and `token`; the world on what it deployed."""

    def deployed(chain_id=1337, **changes):
        profile = json.loads((PROFILES / "base.json").read_text()) | {"network": "mine", "chainId": chain_id}
        profile["token"]["address"] = token.address
        (tmp_path / "mine.json").write_text(json.dumps(profile))
        given = {
            "profile": str(tmp_path / "mine.json"),
            "oracles": [oracle.address for oracle in world.oracles],
            "threshold": 3,
            "treasury": world.treasury.address,
            "governor": world.governor.address,
        }
        monkeypatch.setenv("HIVE_DEPLOYMENT", json.dumps(given | changes))
        monkeypatch.setenv("HIVE_DEPLOYMENTS_FOLDER", str(tmp_path / "books"))
        main()
        book = json.loads((tmp_path / "books" / "mine.json").read_text())
        names = {name: "FiatToken" if name == "USDC" else name for name in book["contracts"]}
        contracts = {name: getattr(project(), names[name]).at(at) for name, at in book["contracts"].items()}
        domain = Domain(book["chainId"], book["contracts"]["Escrow"])
        return dataclasses.replace(world, contracts=contracts, domain=domain, opened={})

    return deployed


def test_nothing_is_minted_bonded_or_started_by_the_deployer(deploy, token):
    market = deploy()
    assert market.token.address == token.address
    assert (token.totalSupply(), market.committee.epoch()) == (0, 0)
    assert market.committee.minimumBond() == BOND


def test_oracles_bond_themselves_anybody_starts_and_a_job_is_paid(deploy, token):
    market = deploy()
    issuer = brownie.accounts[18]
    for oracle in market.oracles:
        with reverts_with("BondTooSmall"):
            market.committee.start({"from": market.stranger})
        token.mint(oracle, BOND, {"from": issuer})
        token.approve(market.committee, BOND, {"from": oracle})
        market.committee.bondFor(oracle, BOND, {"from": oracle})
    market.committee.start({"from": market.stranger})
    for party, amount, contract in ((market.renter, FREE, market.escrow), (market.provider, STAKED, market.stake)):
        token.mint(party, amount, {"from": issuer})
        token.approve(contract, UINT256_MAX, {"from": party})
    market.escrow.deposit(FREE, {"from": market.renter})
    market.stake.stake(STAKED, {"from": market.provider})
    market.settle(market.verdict(market.open(), pay=PRICE))
    market.escrow.withdraw(market.free(market.provider), {"from": market.provider})
    assert token.balanceOf(market.provider) == PRICE - PRICE // 20


def test_another_chain_than_the_profiles_is_refused_before_anything_is_sent(deploy):
    before = brownie.chain.height
    with pytest.raises(NetworkError, match="Base is chain 8453; this RPC serves chain 1337"):
        deploy(chain_id=8453)
    assert brownie.chain.height == before


@pytest.mark.parametrize("contradiction", [{"token": "0x" + "12" * 20}, {"network": "other"}, {"mint": {}}])
def test_what_the_profile_says_cannot_be_said_otherwise(deploy, contradiction):
    with pytest.raises(DeploymentError, match="the profile mine says that"):
        deploy(**contradiction)


def test_a_profile_that_is_not_there_is_named():
    with pytest.raises(DeploymentError, match="'nowhere' is no network that has a profile"):
        read_parameters('{"profile": "nowhere"}')


def test_a_profile_says_neither_who_governs_nor_who_judges():
    with pytest.raises(DeploymentError, match="lacks oracles, threshold, treasury, governor"):
        read_parameters('{"profile": "base"}')


@pytest.mark.parametrize("delay", ["timelockDelay", "claimWindow", "bondDelay"])
def test_a_delay_of_the_profile_can_be_said_otherwise(world, delay):
    given = {"profile": "base", "oracles": [world.oracles[0].address], "threshold": 1}
    given |= {"treasury": world.treasury.address, "governor": world.governor.address, delay: 1_000_000}
    parameters = read_parameters(json.dumps(given))
    assert (parameters[delay], parameters["network"], parameters["disputeWindow"]) == (1_000_000, "base", 259_200)
