"""Deploys a market through scripts/deploy.py and furnishes it."""

from typing import Any

import brownie

from marketplace.protocol.eip712 import Domain
from scripts import deploy as deployment
from tests.contracts.market import World
from tests.contracts.orders import DAY, FREE, HOUR, PENDING_TOKENS, STAKED, TIMELOCK_DELAY, UINT256_MAX, USDC

UNBONDING_DELAY = 7 * DAY
CLAIM_WINDOW = HOUR
DISPUTE_WINDOW = DAY
ORACLE_BOND = 100 * USDC
BOND_DELAY = 7 * DAY
THRESHOLD = 3


def create_world() -> World:
    """Deploy everything, then fund, approve, deposit and stake for everybody."""
    accounts = brownie.accounts
    token = accounts[0].deploy(project().FiatToken)
    world = furnished(token)
    for party in world.renters + world.providers:
        already = FREE if party in world.renters else STAKED
        _give(world, party, PENDING_TOKENS + already)
    for renter in world.renters:
        world.escrow.deposit(FREE, {"from": renter})
    for provider in world.providers:
        world.stake.stake(STAKED, {"from": provider})
    return world


def create_hostile_world(world: World, token_name: str) -> World:
    """A market on a token that misbehaves, its oracles without bonds; renter and provider hold `PENDING_TOKENS`."""
    hostile = furnished(brownie.accounts[0].deploy(getattr(project(), token_name)), minimum_bond=0)
    for party in (hostile.renter, hostile.provider):
        _give(hostile, party, PENDING_TOKENS)
    return hostile


def furnished(token: Any, minimum_bond: int = ORACLE_BOND) -> World:
    """A market on `token` whose committee has begun: it has all bonds it needs, nobody else has anything."""
    accounts = brownie.accounts
    oracles = sorted(accounts[10:15], key=lambda account: int(account.address, 16))
    parameters = deployment_parameters(accounts, oracles) | {"minimumBond": minimum_bond}
    contracts = deployment.deploy_on_token(project(), accounts[0], token, parameters)
    world = World(
        contracts=contracts,
        deployer=accounts[0],
        operator=accounts[1],
        treasury=accounts[2],
        governor=accounts[3],
        stranger=accounts[15],
        renters=list(accounts[4:7]),
        providers=list(accounts[7:10]),
        oracles=oracles,
        candidates=list(accounts[16:20]),
        domain=Domain(brownie.chain.id, contracts["Escrow"].address),
    )
    for oracle in oracles + world.candidates:
        token.mint(oracle, ORACLE_BOND * 10, {"from": accounts[0]})
        token.approve(world.committee, UINT256_MAX, {"from": oracle})
    for oracle in oracles if minimum_bond else []:
        world.committee.bondFor(oracle, minimum_bond, {"from": oracle})
    world.committee.start({"from": world.stranger})
    return world


def deployment_parameters(accounts: Any, members: list[Any]) -> dict:
    """What scripts/deploy.py needs to know for the tests' market."""
    return {
        "network": "test",
        "oracles": [oracle.address for oracle in members],
        "threshold": THRESHOLD,
        "treasury": accounts[2].address,
        "governor": accounts[3].address,
        "timelockDelay": TIMELOCK_DELAY,
        "unbondingDelay": UNBONDING_DELAY,
        "claimWindow": CLAIM_WINDOW,
        "disputeWindow": DISPUTE_WINDOW,
        "minimumBond": ORACLE_BOND,
        "bondDelay": BOND_DELAY,
    }


def project() -> Any:
    """The loaded Brownie project: contracts by name."""
    return brownie.project.get_loaded_projects()[0]


def _give(world: World, party: Any, amount: int) -> None:
    world.token.mint(party, amount, {"from": world.deployer})
    world.token.approve(world.escrow, UINT256_MAX, {"from": party})
    world.token.approve(world.stake, UINT256_MAX, {"from": party})
