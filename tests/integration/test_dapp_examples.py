"""The examples for dApp authors, run as they stand on a real chain; the test plays the market, there is no server."""

import ast
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, Queue
from threading import Thread

import pytest

from marketplace.ports import Match
from marketplace.protocol.messages import Ask, Bid
from scripts.build_npm import build
from scripts.toolchain import BUILD, ROOT
from tests.integration.conftest import USDC, TestChain
from tests.integration.matches import (
    PRICE,
    RESULT,
    group_of,
    make_ask,
    open_leases,
    send,
    signed,
    verdict,
)

EXAMPLES = ROOT / "examples" / "dapp"
MOST_LINES = 25
SECONDS = 60
JOB = "0x" + "ab" * 32


def code_lines(path: Path) -> list[str]:
    """Lines that are neither blank nor comment nor the docstring."""
    text = path.read_text()
    if path.suffix == ".py":
        text = text.replace(f'"""{ast.get_docstring(ast.parse(text))}"""', "")
    return [line for line in text.splitlines() if line.strip() and not line.strip().startswith(("#", "//"))]


@pytest.mark.parametrize("name", ["renter.mjs", "renter.py"])
def test_example_has_at_most_25_lines_of_code_that_fit_a_screen(name):
    lines = code_lines(EXAMPLES / name)
    assert 10 < len(lines) <= MOST_LINES
    assert max(map(len, lines)) <= 125


@pytest.fixture(scope="module")
def javascript() -> list[str]:
    """The viem example in a project that has the package; the locked viem is found above it."""
    folder = BUILD / "npm" / "examples"
    build(folder / "node_modules" / "@computehive" / "contracts", {})
    script = folder / "renter.mjs"
    script.write_text((EXAMPLES / "renter.mjs").read_text())
    return ["node", str(script)]


@pytest.fixture
def python() -> list[str]:
    return [sys.executable, str(EXAMPLES / "renter.py")]


@contextmanager
def running(chain: TestChain, command: list[str]) -> Iterator[Queue]:
    """The example at work for the renter; its lines as it prints them."""
    settings = {
        "RPC_URL": chain.devnet.rpc_url, "ADDRESS_BOOK": str(chain.devnet.address_book), "JOB": JOB,
        "PRIVATE_KEY": "0x" + bytes(chain.keys["renter"].key).hex(), "MARKET": chain.address("market"),
    }  # fmt: skip
    process = subprocess.Popen(
        command, env=os.environ | settings | {"PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, text=True,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    lines: Queue = Queue()
    reader = Thread(target=lambda: [lines.put(line) for line in process.stdout], daemon=True)
    reader.start()
    try:
        yield lines
    finally:
        process.terminate()
        process.wait(10)
        reader.join(10)
        process.stdout.close()


def next_line(lines: Queue) -> str:
    try:
        return lines.get(timeout=SECONDS)
    except Empty:
        raise AssertionError(f"the example printed nothing more in {SECONDS} s") from None


@pytest.mark.parametrize("language", ["javascript", "python"])
def test_renter_deposits_signs_a_bid_that_a_market_opens_and_sees_it_paid(chain, language, request):
    before = chain.reader().balance(chain.address("renter")).free
    with running(chain, request.getfixturevalue(language)) as lines:
        order = json.loads(next_line(lines))
        bid = Bid.parse(order["bid"])
        assert (bid.renter, bid.job_digest) == (chain.address("renter"), JOB)
        assert chain.reader().balance(bid.renter).free == before + USDC

        ask = make_ask(chain, vcpu_hour_rate=100_000)
        (opened,) = open_leases(chain, match_of(chain, bid, order["signature"], ask))
        told = next_line(lines)
        assert opened.lease_id in told and "open" in told

        committee, group, pay = chain.reader().committee(), group_of(chain, opened), PRICE - 1
        verdicts = [verdict(opened.lease_id, 1, pay)]
        chosen, signatures = [(group, (opened.place,))], signed(chain, verdicts)
        send(chain, lambda sender: sender.prepare_settle(ask.market, chosen, verdicts, committee, signatures))
        told = next_line(lines)
        assert all(part in told for part in (opened.lease_id, "closed", str(pay), RESULT))


def match_of(chain: TestChain, bid: Bid, signature: str, ask: Ask) -> Match:
    """The example's own order beside the provider's."""
    return Match(bid, signature, ask, ask.sign(chain.book.domain, chain.keys["provider"].key), PRICE)
