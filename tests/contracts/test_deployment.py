"""scripts/deploy.py: clear refusals, a deployment that keeps no power, one address book per network."""

import json

import brownie
import pytest

from scripts.deploy import DeploymentError, address_book, deploy, main, read_parameters, write_address_book
from tests.contracts.deployed import ORACLE_BOND, deployment_parameters, project
from tests.contracts.world import USDC, reverts_with


@pytest.fixture
def parameters(world):
    """Complete parameters for a local network."""
    return deployment_parameters(brownie.accounts, world.oracles[:3])


def test_no_parameters_are_refused():
    with pytest.raises(DeploymentError, match="HIVE_DEPLOYMENT is not set"):
        read_parameters(None)


def test_parameters_that_are_no_json_object_are_refused():
    for text in ("{", "[]", "3"):
        with pytest.raises(DeploymentError, match="HIVE_DEPLOYMENT is not"):
            read_parameters(text)


def test_missing_parameters_are_named():
    with pytest.raises(DeploymentError, match="lacks oracles, threshold, treasury, governor, timelockDelay"):
        read_parameters('{"network": "x"}')


@pytest.mark.parametrize(
    "change, complaint",
    [
        ({"threshold": 0}, "threshold: 0 of 3"),
        ({"threshold": 4}, "threshold: 4 of 3"),
        ({"threshold": "2"}, "threshold"),
        ({"oracles": ["0x12"]}, "oracles"),
        ({"oracles": "0x12"}, "oracles"),
        ({"treasury": "0x12"}, "treasury"),
        ({"governor": None}, "governor"),
        ({"timelockDelay": -1}, "timelockDelay"),
        ({"unbondingDelay": 2**64}, "unbondingDelay"),
        ({"unbondingDelay": 1.5}, "unbondingDelay"),
        ({"bondDelay": -1}, "bondDelay"),
        ({"minimumBond": 2**96}, "minimumBond"),
        ({"claimWindow": 0}, "claimWindow"),
        ({"disputeWindow": 0}, "disputeWindow"),
        ({"disputeWindow": True}, "disputeWindow"),
        ({"withdrawalDelay": 3_599}, "withdrawalDelay"),
        ({"withdrawalDelay": 30 * 86_400 + 1}, "withdrawalDelay"),
        ({"network": "../elsewhere"}, "network"),
        ({"token": "USDC"}, "token"),
        ({"mint": {"0x12": 1}}, "mint"),
    ],
)
def test_parameters_that_make_no_sense_are_named(parameters, change, complaint):
    with pytest.raises(DeploymentError, match=complaint):
        read_parameters(json.dumps({**parameters, **change}))


def test_an_oracle_named_twice_counts_once(parameters):
    twice = {**parameters, "oracles": parameters["oracles"][:1] * 2, "threshold": 2}
    with pytest.raises(DeploymentError, match="threshold: 2 of 1 distinct oracles"):
        read_parameters(json.dumps(twice))


def test_a_deployment_on_an_existing_token_uses_it(world, parameters):
    deployed = deploy(project(), world.deployer, {**parameters, "token": world.token.address})
    assert deployed["Escrow"].token() == world.token.address
    assert deployed["ProviderStake"].token() == deployed["OracleCommittee"].token() == world.token.address


def test_with_a_token_of_its_own_the_committee_has_bonds_and_begins(world, parameters):
    committee = deploy(project(), world.deployer, parameters)["OracleCommittee"]
    assert committee.epoch() == 1
    assert {committee.bondOf(oracle)["active"] for oracle in world.oracles[:3]} == {ORACLE_BOND}


def test_on_an_existing_token_the_committee_begins_once_its_members_have_bonded(world, parameters):
    committee = deploy(project(), world.deployer, {**parameters, "token": world.token.address})["OracleCommittee"]
    assert committee.epoch() == 0
    with reverts_with("BondTooSmall", world.oracles[0], 0, ORACLE_BOND):
        committee.start({"from": world.stranger})
    for oracle in world.oracles[:3]:
        world.token.approve(committee, ORACLE_BOND, {"from": oracle})
        committee.bondFor(oracle, ORACLE_BOND, {"from": oracle})
    committee.start({"from": world.stranger})
    assert committee.epoch() == 1


def test_all_delays_and_windows_are_the_parameters(world, parameters):
    deployed = deploy(project(), world.deployer, parameters)
    assert deployed["Timelock"].floor() == parameters["timelockDelay"]
    assert deployed["ProviderStake"].unbondingDelay() == parameters["unbondingDelay"]
    assert deployed["OracleCommittee"].bondDelay() == parameters["bondDelay"]
    assert deployed["OracleCommittee"].minimumBond() == parameters["minimumBond"]
    assert deployed["Escrow"].claimWindow() == parameters["claimWindow"]
    assert deployed["Escrow"].disputeWindow() == parameters["disputeWindow"]
    assert deployed["Prepaid"].withdrawalDelay() == 86_400


def test_the_delay_of_prepaid_money_is_a_day_unless_it_is_given(parameters):
    assert read_parameters(json.dumps(parameters))["withdrawalDelay"] == 86_400
    assert read_parameters(json.dumps({**parameters, "withdrawalDelay": 7_200}))["withdrawalDelay"] == 7_200


def test_the_deployer_keeps_no_power(world, parameters):
    deployed = deploy(project(), world.deployer, parameters)
    owned = ("Escrow", "OracleCommittee", "Prepaid")
    assert {deployed[name].owner() for name in owned} == {deployed["Timelock"].address}
    roles = (deployed["Timelock"].PROPOSER_ROLE(), deployed["Timelock"].DEFAULT_ADMIN_ROLE())
    assert not any(deployed["Timelock"].hasRole(role, world.deployer) for role in roles)


def test_main_deploys_mints_and_writes_the_address_book(world, parameters, tmp_path, monkeypatch):
    mint = {world.stranger.address: 5 * USDC}
    monkeypatch.setenv("HIVE_DEPLOYMENT", json.dumps({**parameters, "mint": mint}))
    monkeypatch.setenv("HIVE_DEPLOYMENTS_FOLDER", str(tmp_path))
    before = brownie.chain.height
    main()
    book = json.loads((tmp_path / "test.json").read_text())
    assert (book["network"], book["chainId"], book["deployedAtBlock"]) == ("test", 1337, before + 1)
    assert sorted(book["contracts"]) == [
        "Escrow",
        "Messages",
        "ModuleRegistry",
        "OracleCommittee",
        "PaymentChannels",
        "Prepaid",
        "ProviderStake",
        "Reputation",
        "Timelock",
        "USDC",
    ]
    token = project().FiatToken.at(book["contracts"]["USDC"])
    assert token.balanceOf(world.stranger) == 5 * USDC


def test_an_address_book_is_replaced_whole(world, tmp_path):
    for block in (1, 2):
        path = write_address_book(address_book("local", 1337, block, world.contracts), tmp_path)
    assert json.loads(path.read_text())["deployedAtBlock"] == 2
    assert [each.name for each in tmp_path.iterdir()] == ["local.json"]
