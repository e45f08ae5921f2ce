"""The agents of oracles, honest ones and others."""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from eth_account.signers.local import LocalAccount

from agent.oracle import OracleDaemon
from marketplace.domain.chain import LeaseOpened
from marketplace.protocol.enums import Outcome
from marketplace.protocol.messages import Verdict
from tests.simulation.chain import AgentView
from tests.simulation.disk import FaultyJournal
from tests.simulation.processes import Process
from tests.simulation.sandbox import make_runner


class LyingOracle(OracleDaemon):
    """A member that says the opposite of what it finds."""

    def judge(self, event: LeaseOpened) -> Verdict:
        found = super().judge(event)
        outcome = Outcome.FRAUD if found.outcome == Outcome.PAID else Outcome.PAID
        pay = event.price if outcome is Outcome.PAID else 0
        return found.model_copy(update={"outcome": outcome, "pay": pay})


class ColludingOracle(OracleDaemon):
    """A member that says of its friends' results what they say, and the truth of all others."""

    friends: frozenset[str] = frozenset()

    def judge(self, event: LeaseOpened) -> Verdict:
        if event.provider not in self.friends:
            return super().judge(event)
        _, attestation, _ = self._read(event)
        return Verdict(
            lease_id=event.lease_id, outcome=Outcome.PAID, pay=event.price, result_digest=attestation.result_digest
        )


@dataclass
class OracleProcess(Process):
    """An oracle's agent. `habit`: honest, liar, colluder (with lying providers) or silent."""

    account: LocalAccount = field(kw_only=True)
    habit: str = field(default="honest", kw_only=True)
    friends: frozenset[str] = field(default=frozenset(), kw_only=True)
    """Providers for whose lies a colluder speaks."""
    daemon: OracleDaemon = field(init=False)
    journal: FaultyJournal | None = None
    entropy: Random = field(kw_only=True)

    def start(self) -> None:
        super().start()
        self.stop()
        client = self.world.connect(self)
        self.journal = FaultyJournal(self.world.folder / f"{self.name}.sqlite", self.name, self.world.faults)
        kind = {"liar": LyingOracle, "colluder": ColludingOracle}.get(self.habit, OracleDaemon)
        self.daemon = kind(
            client=client, chain=self.node(AgentView), domain=self.world.chain.domain,
            account=self.account, runner=make_runner(client.get_blob), journal=self.journal,
            entropy=self.entropy.randbytes,
        )  # fmt: skip
        if isinstance(self.daemon, ColludingOracle):
            self.daemon.friends = self.friends

    def stop(self) -> None:
        """Let go of the files."""
        if self.journal is not None:
            self.journal.close()
        self.journal = None

    def steps(self) -> list[tuple[str, Callable[[], object]]]:
        """What its loop does, in order. Judging is not put into a thread of its own."""
        one = self.daemon
        if self.habit == "silent":
            return [("follow", one.follow)]
        return [
            ("follow", one.follow), ("judge", one.judge_claims), ("seal", one.send_seals),
            ("reveal", one.reveal_verdicts), ("sign", one.sign_batches),
        ]  # fmt: skip
