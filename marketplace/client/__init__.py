"""The SDK of the market: an HTTP client, encrypted keystores, building and signing jobs, waiting for them.

from marketplace.client import MarketClient          # light: httpx alone
from marketplace.client.keystore import Keystore     # eth-account
from marketplace.client.jobs import prepare_job, build_bid
from marketplace.client.salts import Salts           # one salt for each bid
from marketplace.client.waiting import wait_for_job
"""

from marketplace.client.http import MarketClient

__all__ = ["MarketClient"]
