"""What it costs to check an order's signature: EIP-712 hashing and recovery, on one core and on all."""

import os
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from eth_account import Account

from marketplace.protocol.eip712 import Domain
from marketplace.protocol.messages import Ask, require_signed_by
from scripts.bench.clearing.single import scaled

ORDERS = 4_000
_DOMAIN = Domain(1337, "0x" + "Ee" * 20)
_KEY = Account.from_key((7).to_bytes(32))
_AT_ONCE = 50
_PROCESSES = os.cpu_count() or 1

Signed = tuple[Ask, str]


def sign_asks(count: int) -> list[Signed]:
    """Different asks of one provider."""
    asks = [
        Ask(
            provider=_KEY.address, market="0x" + "aa" * 20, agent=_KEY.address, profile_digest="0x" + "cd" * 32,
            gpu_hour_rate=10**6, vcpu_hour_rate=12_000, gb_hour_rate=2_000, gfuel_rate=0, egress_gb_rate=50_000,
            minimum_charge=0, units=1, valid_until=2_000_000_000, salt=salt,
        )
        for salt in range(count)
    ]  # fmt: skip
    return [(ask, ask.sign(_DOMAIN, _KEY.key)) for ask in asks]


def check(orders: list[Signed]) -> int:
    """How many of these are signed by who they name; raises InvalidSignature for one that is not."""
    for ask, signature in orders:
        require_signed_by(ask, ask.provider, _DOMAIN, signature)
    return len(orders)


def per_second(orders: list[Signed]) -> tuple[float, float]:
    """Checked on one core, and by a process on each, those started beforehand."""
    started = time.perf_counter()
    check(orders)
    alone = time.perf_counter() - started
    parts = [orders[n : n + _AT_ONCE] for n in range(0, len(orders), _AT_ONCE)]
    with ProcessPoolExecutor(_PROCESSES, mp_context=get_context("spawn")) as pool:
        list(pool.map(check, parts[:1] * _PROCESSES))
        started = time.perf_counter()
        assert sum(pool.map(check, parts)) == len(orders)
        together = time.perf_counter() - started
    return len(orders) / alone, len(orders) / together


def report() -> tuple[list[str], dict[str, float]]:
    """Lines for people, and figures by name."""
    orders = sign_asks(scaled(ORDERS))
    alone, together = per_second(orders)
    lines = [
        "",
        f"Signatures checked: {alone:,.0f} a second on one core ({1e6 / alone:,.0f} µs an order),"
        f" {together:,.0f} with {_PROCESSES} processes",
    ]
    return lines, {"signature_checks_per_s": alone, "signature_checks_per_s_all_cores": together}
