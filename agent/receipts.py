"""Receipts for less than the lock: only their provider's own call makes one count, so it decides which do."""

import structlog

from agent.claims import Claims, Hand
from agent.daemon import each
from agent.journal import Journal, WorkState
from marketplace.client import MarketClient
from marketplace.domain.chain import LeaseOpened
from marketplace.protocol.messages import Receipt
from marketplace.protocol.units import format_usdc

log = structlog.get_logger("provider")


class Receipts:
    """What renters have accepted, as far as the market tells."""

    def __init__(self, *, client: MarketClient, hand: Hand, claims: Claims, journal: Journal) -> None:
        self._client, self._hand, self._claims, self._journal = client, hand, claims, journal

    def send(self) -> None:
        """Submit those that pay at least what the attested usage is worth; on others the oracles shall decide."""
        each(self._journal.leases(WorkState.POSTED), self._send)

    def _send(self, event: LeaseOpened) -> None:
        given = self._client.lease(event.lease_id).get("receipt")
        if given is None:
            return
        receipt = Receipt.parse(given["receipt"])
        if receipt.lease_id == event.lease_id and event.price > receipt.pay >= self._worth(event):
            self._hand.accept(*self._claims.find_group(event), receipt, given["signature"])
            log.info("receipt sent", lease=event.lease_id, pay=f"{format_usdc(receipt.pay)} USDC")

    def _worth(self, event: LeaseOpened) -> int:
        evidence = self._journal.evidence(event.lease_id)
        assert evidence is not None, "a posted lease has its evidence"
        return int(evidence["pay"])
