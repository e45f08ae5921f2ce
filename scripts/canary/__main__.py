"""A canary from end to end in a local market, with one oracle of three that never runs a job.

python -m scripts.canary [--output build/canary]

Exits with 1 unless exactly that oracle was caught.
"""

import argparse
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

from agent.journal import Journal
from marketplace.cli.localmarket import PASSWORD, LocalMarket
from marketplace.cli.localplan import MARKET, MarketPlan, ProviderPlan, RenterPlan
from marketplace.cli.output import usdc
from marketplace.client import MarketClient
from marketplace.client.waiting import wait_for_job
from marketplace.devnet.process import ProcessFailed
from marketplace.errors import MarketError
from marketplace.protocol.metering import Rates
from scripts.canary.guesser import Guesser
from scripts.canary.opening import open_planted
from scripts.toolchain import BUILD, ROOT

USDC = 1_000_000
OWNER, NODE = "owner", "node"
ORACLES = ("Opal", "Onyx", "Ochre")
LAZY = ORACLES[2]
RATES = Rates(gpu_hour=0, vcpu_hour=36_000, gb_hour=4_000, gfuel=1_000, egress_gb=40_000, minimum=500)
PROGRAM = "print(sum(number * number for number in range(2_000)))\n"
END_SECONDS = 120


def main(arguments: Sequence[str] | None = None) -> int:
    """0 if the lazy oracle, and nobody else, was caught."""
    parser = argparse.ArgumentParser(prog="python -m scripts.canary", description=__doc__.split("\n")[0])
    parser.add_argument("--output", type=Path, default=BUILD / "canary", help="where logs go (default: build/canary)")
    folder = parser.parse_args(arguments).output.resolve()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        return 0 if play(folder) else 1
    except MarketError as error:
        print(f"{error}\nLogs: {folder / 'market' / 'logs'}", file=sys.stderr)
        return error.exit_code


def play(folder: Path) -> bool:
    """The whole of it; whether it ended as it should."""
    salts = folder / "salts"
    command = (sys.executable, "-m", "scripts.canary.planter", str(salts))
    plan = MarketPlan(
        providers=[ProviderPlan(NODE, "eu", 2, 20 * USDC, RATES, command=command)],
        oracles=ORACLES,
        threshold=2,
        renters=[RenterPlan(OWNER, 100 * USDC, 20 * USDC)],
    )
    with LocalMarket(plan, folder / "market", tell=print) as market:
        market.start()
        market.process(LAZY).stop()
        with guessing(market, folder), market.client() as client:
            return plant_and_open(market, client, folder, salts)


def plant_and_open(market: LocalMarket, client: MarketClient, folder: Path, salts: Path) -> bool:
    """Place a canary, wait for what oracles make of it, and open it."""
    names = {address: name for name, address in market.addresses.items()}
    before = owned(market)
    job_id, salt = place(market, folder, salts)
    print(f"planted: a job whose seed commits {NODE} to lie about it; nobody can tell")
    job = wait_for_job(client, job_id, timeout=END_SECONDS)
    (lease,) = job["leases"]
    print(f"settled: {job['state']}")
    caught = [names[one] for one in open_planted(client, lease["leaseId"], salt, market.keys[MARKET])]
    print(f"opened: {', '.join(caught) or 'nobody'} sealed that the lie is worth its pay")
    for fault in client.oracle_faults(kind="careless"):
        print(f"on record: {names[fault['oracle']]}, {fault['kind']}, lease {fault['leaseId'][:10]}…")
    after = owned(market)
    moved = int(lease["penalty"])
    print(
        f"cost: {usdc(before - after)} of the owner's {usdc(before)}; {usdc(moved)} went from its stake to its balance"
    )
    return caught == [LAZY] and job["state"] == "fraud" and before == after


def place(market: LocalMarket, folder: Path, salts: Path) -> tuple[str, str]:
    """Have the program that operators use place a job that the owner's own node is going to lie about; id and salt."""
    program, password = folder / "squares.py", folder / "password"
    program.write_text(PROGRAM)
    password.write_text(PASSWORD)
    command = [
        sys.executable, "-m", "scripts.canary.placing", str(program), str(salts), "--agent", market.addresses[NODE],
        "--max-price", "1", "--url", market.url, "--keystore", str(market.wallets[OWNER].path),
        "--password-file", str(password),
    ]  # fmt: skip
    placed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=END_SECONDS)
    if placed.returncode:
        raise ProcessFailed(f"The canary could not be placed: {placed.stderr.strip()}")
    job_id, salt = (line.split()[1] for line in placed.stdout.splitlines())
    return job_id, salt


def owned(market: LocalMarket) -> int:
    """What the canary's owner has in the contracts: its balance as a renter and its stake as a provider."""
    reader = market.reader()
    return reader.balance(market.addresses[OWNER]).free + reader.stake(market.addresses[NODE]).active


@contextmanager
def guessing(market: LocalMarket, folder: Path) -> Iterator[None]:
    """A lazy oracle in the place of the one that was stopped."""
    stop = Event()
    with market.client() as client:
        daemon = Guesser(
            client=client,
            chain=market.reader(),
            domain=client.domain(),
            account=market.wallets[LAZY].unlock(PASSWORD),
            runner=_never,
            journal=Journal(folder / "guesser.sqlite"),
        )
        thread = Thread(target=daemon.run, args=(stop,), name="guesser")
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()


def _never(*_: object) -> None:
    raise AssertionError("a lazy oracle ran a job")


if __name__ == "__main__":
    sys.exit(main())
