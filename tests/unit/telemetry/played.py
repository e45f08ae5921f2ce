"""A market behind its API, a provider's daemon and two oracles', each with its own tracer, at work on one job."""

from agent.journal import Journal
from agent.observed import ObservedClient, ObservedOracle, ObservedProvider, ObservedRunner, Observer
from agent.offer import Offer
from agent.sandbox import RunResult
from agent.work import NO_HOOKS, Execution, Hooks, package
from marketplace.api.app import build_app
from marketplace.client.terms import LeaseTerms
from marketplace.protocol.enums import ExitKind
from marketplace.protocol.metering import Rates
from marketplace.services.clear_round import run_round
from marketplace.services.instruments import Instruments
from marketplace.services.seal_verdicts import advance_judgements
from marketplace.services.settle_batch import propose_batches
from marketplace.telemetry.tracing import Tracer
from tests.fakes.http import AppTransport
from tests.fakes.world import AGENT, DOMAIN, OPERATOR, ORACLES, PROVIDER, World

SANDBOX = "0x" + "5a" * 32
RATES = Rates(gpu_hour=0, vcpu_hour=100_000, gb_hour=10_000, gfuel=1_000, egress_gb=50_000, minimum=100)


class Cast:
    """Everybody who has a part in a job, around a World."""

    def __init__(self, world: World, tracers: dict[str, Tracer]) -> None:
        """`tracers`: `market`, `provider`, `oracle0`, `oracle1`."""
        self.world = world
        instruments = Instruments(tracer=tracers["market"])
        object.__setattr__(world.market, "instruments", instruments)
        self.transport = AppTransport(build_app(world.market, with_workers=False))
        self.observers = {name: Observer(tracer=tracer) for name, tracer in tracers.items() if name != "market"}
        self.provider = self._provider(self.observers["provider"])
        self.oracles = [self._oracle(number, self.observers[f"oracle{number}"]) for number in range(2)]

    def work(self) -> str:
        """One job from its bid to its pay; its id."""
        world = self.world
        world.offer()
        job_id = world.submit()
        run_round(world.market)
        world.drain()
        self.provider.follow()
        for event in self.provider._journal.open_leases():
            self.provider.run_lease(event)
        self.provider.post_attestations()
        for oracle in self.oracles:
            oracle.follow()
            oracle.judge_claims()
        advance_judgements(world.market)
        for oracle in self.oracles:
            oracle.reveal_verdicts()
        propose_batches(world.market)
        for oracle in self.oracles:
            oracle.sign_batches()
        world.drain()
        return job_id

    def _client(self, observer: Observer) -> ObservedClient:
        return ObservedClient("http://market.test", observer, self.transport)

    def _provider(self, observer: Observer) -> ObservedProvider:
        client = self._client(observer)
        return ObservedProvider(
            observer=observer, client=client, chain=self.world.chain, domain=DOMAIN, market=OPERATOR.address,
            provider=PROVIDER, agent=AGENT, offer=Offer(RATES, 2, 3600, self.world.profile()),
            runner=ObservedRunner(Fetching(client), observer.meter),
            journal=Journal(self.world.folder / "provider.sqlite"), blobs=self.world.folder / "outputs",
            hand=None, claim_margin=0, now=lambda: self.world.chain.time,
        )  # fmt: skip

    def _oracle(self, number: int, observer: Observer) -> ObservedOracle:
        client = self._client(observer)
        return ObservedOracle(
            observer=observer, client=client, chain=self.world.chain, domain=DOMAIN, account=ORACLES[number],
            runner=ObservedRunner(Fetching(client), observer.meter),
            journal=Journal(self.world.folder / f"oracle{number}.sqlite"),
        )  # fmt: skip


class Fetching:
    """A runner that fetches a job's inputs as every one does, and prints without running anything."""

    def __init__(self, client: ObservedClient) -> None:
        self._client = client

    def __call__(self, terms: LeaseTerms, hooks: Hooks = NO_HOOKS) -> Execution:
        for entry in terms.job_spec.inputs:
            self._client.get_blob(entry.digest)
        return package(RunResult(ExitKind.EXITED, 0, 5 * 10**9, 2.5, {}, b"hello\n", b""), SANDBOX)
