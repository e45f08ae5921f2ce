"""What dApp authors get, on a real chain without a server: the examples as they stand, the npm package's helpers."""

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
from marketplace.protocol.messages import Ask, Bid, Receipt
from scripts.build_npm import TSC, build
from scripts.toolchain import BUILD, ROOT
from tests.integration.conftest import USDC, TestChain
from tests.integration.matches import (
    PRICE,
    RESULT,
    group_of,
    make_ask,
    make_bid,
    matched,
    open_leases,
    send,
    signed,
    verdict,
)

EXAMPLES = ROOT / "examples" / "dapp"
SCRIPT = ROOT / "tests" / "integration" / "close_leases.mjs"
FEE_BPS = 500
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
def project() -> Path:
    """A project that has the package, the viem example and our script; the locked viem is found above it."""
    folder = BUILD / "npm" / "on-chain"
    build(folder / "node_modules" / "@computehive" / "contracts", {})
    for script in (EXAMPLES / "renter.mjs", SCRIPT):
        (folder / script.name).write_text(script.read_text())
    return folder


@pytest.fixture
def javascript(project) -> list[str]:
    return ["node", str(project / "renter.mjs")]


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


# --- the package's helpers ------------------------------------------------------------------------------------


def test_what_the_script_calls_passes_the_strict_check(project):
    options = "--strict --allowJs --checkJs --noEmit --target es2022 --module nodenext --skipLibCheck --types node"
    ran = subprocess.run(
        [TSC, *options.split(), "--ignoreConfig", SCRIPT.name], cwd=project, capture_output=True, text=True,
        timeout=100, stdin=subprocess.DEVNULL, check=False,
    )  # fmt: skip
    assert ran.stdout + ran.stderr == ""


def test_leases_end_by_receipt_claim_and_refund_with_arguments_that_the_package_made(chain, project):
    ask = make_ask(chain)
    opened = open_leases(chain, *[matched(chain, make_bid(chain, salt), ask) for salt in (40, 41, 42)])
    keys = {name: "0x" + bytes(chain.keys[name].key).hex() for name in ("renter", "provider")}
    given = {"addressBook": str(chain.devnet.address_book), "rpcUrl": chain.devnet.rpc_url, "result": RESULT, **keys}
    before = chain.reader().balance(chain.address("provider")).free
    ran = subprocess.run(
        ["node", str(project / SCRIPT.name)],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    told = json.loads(ran.stdout)
    paid = PRICE - 1 - (PRICE - 1) * FEE_BPS // 10_000
    assert told["split"] == {"paid": str(paid), "fee": str(PRICE - 1 - paid), "refund": "1"}
    assert told["open"] == [False, False, True]
    assert told["ends"] == [
        [["open", None, None], ["closed", 1, str(PRICE)]],
        [["open", None, None], ["claimed", None, str(PRICE - 1)], ["closed", 1, str(PRICE - 1)]],
        [["open", None, None], ["closed", 2, "0"]],
    ]
    first = PRICE - PRICE * FEE_BPS // 10_000
    assert chain.reader().balance(chain.address("provider")).free - before == first + paid
    receipt = Receipt(lease_id=opened[0].lease_id, pay=PRICE, result_digest=RESULT)
    assert told["hash"] == receipt.struct_hash()
