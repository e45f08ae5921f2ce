"""Calls that only a development chain answers, and the test money that they make."""

import time
from typing import Any

import httpx

from marketplace.devnet.process import ProcessFailed
from marketplace.errors import ChainUnavailable

OWNER_SELECTOR, MINT_SELECTOR = "0x8da5cb5b", "0x40c10f19"
"""Of `owner()` and `mint(address,uint256)` of the USDC stand-in."""
WEI = 10**18
MINED_SECONDS, POLL_SECONDS = 10, 0.1


def call(url: str, method: str, *params: Any) -> Any:
    """One JSON-RPC call. Raises ProcessFailed for a refusal, httpx.HTTPError where nobody answers."""
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}
    answer = httpx.post(url, json=body, timeout=10).json()
    if "error" in answer:
        raise ProcessFailed(f"ganache refused {method}: {answer['error'].get('message')}")
    return answer["result"]


def fund_account(url: str, token: str, account: str, micro_usdc: int, ether: int = 100) -> None:
    """Mint test USDC for `account`, and see to it that it has `ether` for gas.

    Raises ChainUnavailable where the chain is away, ProcessFailed where it is no development chain.
    """
    try:
        if int(call(url, "eth_getBalance", account, "latest"), 16) < ether * WEI:
            call(url, "evm_setAccountBalance", account, hex(ether * WEI))
        owner = "0x" + call(url, "eth_call", {"to": token, "data": OWNER_SELECTOR}, "latest")[-40:]
        data = f"{MINT_SELECTOR}{account.removeprefix('0x').lower():0>64}{micro_usdc:064x}"
        sent = call(url, "eth_sendTransaction", {"from": owner, "to": token, "data": data, "gas": hex(200_000)})
        _wait_mined(url, sent)
    except httpx.HTTPError as error:
        raise ChainUnavailable(f"The local chain at {url} does not answer.", hint="Is `hive dev` running?") from error


def _wait_mined(url: str, sent: str) -> None:
    until = time.monotonic() + MINED_SECONDS
    while (receipt := call(url, "eth_getTransactionReceipt", sent)) is None:
        if time.monotonic() > until:
            raise ProcessFailed(f"The local chain did not mine {sent} within {MINED_SECONDS} s.")
        time.sleep(POLL_SECONDS)
    if int(receipt["status"], 16) != 1:
        raise ProcessFailed(f"The local chain reverted the mint {sent}.")
