"""One market for the whole session; each test starts from it and leaves no trace."""

import gc
import os

import brownie
import hypothesis
import pytest

from tests.contracts.deployed import create_world
from tests.contracts.lines import Lines


@pytest.fixture(scope="session")
def deployed():
    """The market, deployed and funded once."""
    if "HIVE_CHAIN_LINES" in os.environ:
        brownie.web3.provider = Lines(int(os.environ["HIVE_CHAIN_LINES"]))
    brownie.network.gas_price("20 gwei")
    market = create_world()
    gc.freeze()  # Brownie collects garbage at every revert; without this it walks the whole project each time
    return market


@pytest.fixture(autouse=True)
def isolation(deployed):
    """Takes the chain back to the freshly funded market after each test."""
    brownie.chain.snapshot()
    deployed.forget()
    yield
    brownie.chain.revert()


@pytest.fixture
def world(deployed):
    """The freshly funded market."""
    return deployed


# One market serves all examples: properties here only read it.
hypothesis.settings.register_profile(
    "contracts", derandomize=True, deadline=None, max_examples=60, suppress_health_check=list(hypothesis.HealthCheck)
)
hypothesis.settings.load_profile("contracts")
