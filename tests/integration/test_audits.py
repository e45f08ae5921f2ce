"""Random audits on a real market: drawn by two oracles that run by themselves, and by a third with a chosen share.

The third knows what nobody else can: this test reads the others' shares in their journals before it seals its own, so
that each draw falls as a test wants it. The one provider lies about the jobs that are planted for it to lie about.
"""

import sqlite3
import sys
import time
from pathlib import Path
from threading import Event, Thread

import pytest
from typer.testing import CliRunner

from agent.adapters import AdapterSettings, open_adapters
from agent.journal import Journal
from agent.oracle import OracleDaemon
from agent.work import NO_HOOKS, JobRunner
from marketplace.cli.localmarket import PASSWORD, LocalMarket
from marketplace.cli.localplan import ProviderPlan
from marketplace.cli.main import app
from marketplace.client.jobs import build_bid, prepare_job, runtimes_of, upload_job
from marketplace.protocol.audits import Audit, Draw, is_drawn
from marketplace.protocol.canaries import canary_seed
from marketplace.protocol.jobspec import Determinism
from scripts.canary.salts import add_salt
from tests.integration.local import (
    ORACLES,
    PROVIDER,
    RATES,
    RENTER,
    RESOURCES,
    USDC,
    assert_every_micro_usdc_is_accounted_for,
    finish,
    plan,
)

RATE = 500_000
OWN = ORACLES[2]
pytestmark = pytest.mark.timeout(560)


class Chosen:
    """The third oracle's entropy: a share with which the draw falls as `wanted`."""

    def __init__(self, market: LocalMarket) -> None:
        self._market, self._over, self.wanted = market, set(), False
        self._reader = market.reader()

    def want(self, *, drawn: bool) -> None:
        """How the draw about the next lease is to fall; those before it are over."""
        self._over, self.wanted = self._sealed().keys(), drawn

    def __call__(self, count: int) -> bytes:
        """Once the other two have sealed theirs about the same lease."""
        until = time.monotonic() + 25
        while time.monotonic() < until:
            for lease, notes in self._sealed().items():
                if lease not in self._over:
                    return self._find(lease, *notes)
            time.sleep(0.05)
        raise AssertionError("the others have sealed no share")

    def _sealed(self) -> dict[str, tuple[tuple[str, str], tuple[str, str]]]:
        """By lease, about what the other two sealed which shares."""
        first, second = (dict(self._notes(name)) for name in ORACLES[:2])
        return {lease: (first[lease], second[lease]) for lease in first.keys() & second.keys()}

    def _notes(self, oracle: str) -> list[tuple[str, tuple[str, str]]]:
        path = self._market.folder / "agents" / oracle / "oracle.sqlite"
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as database:
            rows = database.execute("SELECT lease_id, attestation, share FROM audits").fetchall()
        return [(lease, (attestation, share)) for lease, attestation, share in rows]

    def _find(self, lease: str, first: tuple[str, str], second: tuple[str, str]) -> bytes:
        assert first[0] == second[0], "they draw about the same attestation"
        draw = Draw(self._reader.domain, self._reader.committee().members, lease, first[0])
        others = {self._market.addresses[name]: one[1] for name, one in zip(ORACLES[:2], (first, second), strict=True)}
        return next(
            number.to_bytes(32)
            for number in range(1, 1_000)
            if is_drawn(draw.compute(others | {self._market.addresses[OWN]: f"0x{number:064x}"}), RATE) is self.wanted
        )


class Scene:
    """The market, the salts of planted lies, and the third oracle's choice and runs."""

    def __init__(self, market: LocalMarket, folder: Path) -> None:
        self.market, self.folder, self.salts = market, folder, folder / "salts"
        self.chosen, self.runs = Chosen(market), []

    def oracle(self, client) -> OracleDaemon:
        """The third oracle: the ordinary daemon but for where its share is from."""
        runner = JobRunner(open_adapters(AdapterSettings(self.folder / "own")), client.get_blob)

        def run(terms, hooks=NO_HOOKS):
            self.runs.append(terms.job_spec.name)
            return runner(terms, hooks)

        return OracleDaemon(
            client=client,
            chain=self.market.reader(),
            domain=client.domain(),
            account=self.market.wallets[OWN].unlock(PASSWORD),
            runner=run,
            journal=Journal(self.folder / "own.sqlite"),
            entropy=self.chosen,
        )

    def play(self, name: str, *, lies: bool, drawn: bool) -> dict:
        """A job with a rate of audits, to its end."""
        self.chosen.want(drawn=drawn)
        program = self.folder / "job.py"
        program.write_text("print(sum(range(1000)))")
        renter = self.market.addresses[RENTER]
        seed = canary_seed(self.market.addresses[PROVIDER], renter, add_salt(self.salts)) if lies else "0x" + "07" * 32
        with self.market.client() as client:
            config = client.config()
            job = prepare_job(
                program,
                runtimes=runtimes_of(config),
                name=name,
                determinism=Determinism(seed=seed),
                audit=Audit(rate_ppm=RATE),
            )
            upload_job(client, job)
            bid = build_bid(
                job,
                renter=renter,
                market=config["market"],
                resources=RESOURCES,
                max_price=USDC,
                salt=client.next_salt(renter),
            )
            job_id = client.submit_job(bid, bid.sign(client.domain(), self.market.keys[RENTER]), job.spec)["jobId"]
        return finish(self.market, job_id, timeout=150)


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    folder = tmp_path_factory.mktemp("audits")
    command = (sys.executable, "-m", "scripts.canary.planter", str(folder / "salts"))
    provider = ProviderPlan(PROVIDER, "eu", 2, 50 * USDC, RATES, command=command)
    with LocalMarket(plan(providers=[provider]), folder / "market") as market:
        market.start()
        market.process(OWN).stop()
        scene, stop = Scene(market, folder), Event()
        with market.client() as client:
            thread = Thread(target=scene.oracle(client).run, args=(stop,), name="third")
            thread.start()
            yield scene
            stop.set()
            thread.join()


def story(job: dict) -> list[str]:
    return [one["event"] for one in job["timeline"]]


def test_a_job_that_is_not_drawn_is_paid_and_nobody_runs_it(scene):
    job = scene.play("idle", lies=False, drawn=False)
    assert job["state"] == "paid" and "audit_not_drawn" in story(job)
    assert scene.runs == []
    for oracle in ORACLES[:2]:
        assert "not drawn for audit" in scene.market.log(oracle).read_text()
    assert len(job["leases"][0]["sealedBy"]) >= 2


def test_a_job_that_is_drawn_is_run_and_paid_the_same(scene):
    idle = scene.play("idle again", lies=False, drawn=False)
    job = scene.play("busy", lies=False, drawn=True)
    assert job["state"] == "paid" and "audit_drawn" in story(job)
    assert scene.runs == ["busy"]
    assert job["leases"][0]["fuelUsed"] == idle["leases"][0]["fuelUsed"]
    assert job["leases"][0]["paid"] == idle["leases"][0]["paid"]


def test_a_liar_is_caught_where_the_draw_falls_and_paid_where_it_does_not(scene):
    before = scene.market.reader().stake(scene.market.addresses[PROVIDER]).active
    caught = scene.play("caught", lies=True, drawn=True)
    assert caught["state"] == "fraud"
    after = scene.market.reader().stake(scene.market.addresses[PROVIDER]).active
    assert before - after == int(caught["leases"][0]["penalty"]) == int(caught["leases"][0]["price"])
    assert scene.play("lucky", lies=True, drawn=False)["state"] == "paid", "what a rate below one means"
    assert_every_micro_usdc_is_accounted_for(scene.market)


def test_anybody_draws_again_by_the_command_line_and_gets_the_same(scene, monkeypatch):
    job = scene.play("checked", lies=False, drawn=False)
    (lease,) = job["leases"]
    assert lease["audit"] == {"ratePpm": RATE, "drawn": False}
    monkeypatch.setenv("COMPUTEHIVE_HOME", str(scene.folder / "home"))
    monkeypatch.setenv("COMPUTEHIVE_RPC_URL", scene.market.devnet.rpc_url)
    ran = CliRunner().invoke(app, ["verify", "audit", lease["leaseId"], "--url", scene.market.url])
    assert ran.exit_code == 0, ran.output
    assert "did not fall on it" in ran.output and "50% of such leases" in ran.output
