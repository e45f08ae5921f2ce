"""A lazy oracle, to be caught: it signs "paid, as attested" for every job and runs none.

The ordinary daemon but for its judgement, which no setting can replace.
"""

from agent.oracle import OracleDaemon
from agent.verdict import pay_for
from marketplace.domain.chain import LeaseOpened
from marketplace.protocol.enums import Outcome
from marketplace.protocol.messages import Verdict


class Guesser(OracleDaemon):
    """A member of the committee that saves itself the work."""

    def judge(self, event: LeaseOpened) -> Verdict:
        """Whatever is attested is right."""
        terms, attestation, _ = self._read(event)
        result = attestation.result_digest
        return pay_for(attestation, Outcome.PAID, result, terms.bid, terms.ask, event.price)
