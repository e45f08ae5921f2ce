"""The ask that stands as long as the provider daemon runs: signed, renewed before it lapses, taken back at the end."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import structlog
from eth_account.signers.local import LocalAccount

from agent.chain import Chain
from agent.journal import Journal
from marketplace.client import MarketClient
from marketplace.errors import MarketError
from marketplace.protocol.eip712 import Domain
from marketplace.protocol.enums import CancelKind
from marketplace.protocol.messages import Ask, Cancel
from marketplace.protocol.metering import Rates
from marketplace.protocol.profile import NodeProfile

log = structlog.get_logger("provider")
RENEW_BEFORE_SECONDS = 300
"""An ask is replaced this long before it lapses."""
LOOK_SECONDS = 10
"""How often the chain is asked whether the ask is void."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What this provider offers, as it goes into each ask."""

    rates: Rates
    units: int
    valid_seconds: int
    profile: NodeProfile


class StandingAsk:
    """One ask after the other, each journalled before it is posted."""

    def __init__(
        self,
        *,
        client: MarketClient,
        chain: Chain,
        domain: Domain,
        market: str,
        provider: LocalAccount,
        agent: str,
        offer: Offer,
        journal: Journal,
        now: Callable[[], int],
    ) -> None:
        self._client, self._chain, self._domain, self._market = client, chain, domain, market
        self._provider, self._agent, self._offer, self._journal, self._now = provider, agent, offer, journal, now
        self._looked_at, self._lowest_salt = 0, 0

    def keep(self) -> None:
        """Post an ask, or replace the one that is about to lapse, is void or no longer says what is offered."""
        note = self._journal.note("ask")
        if note is not None and self._is_current(Ask.parse(note["ask"])):
            if not note["posted"]:
                self._post(note)
            return
        if note is not None:
            self._make_way(Ask.parse(note["ask"]))
        ask = self._new()
        note = {"ask": ask.to_json(), "signature": ask.sign(self._domain, self._provider.key), "posted": False}
        self._journal.record_note("ask", note)
        self._post(note)

    def set_rates(self, rates: Rates) -> None:
        """What the next ask says; `keep` replaces one that says otherwise."""
        self._offer = replace(self._offer, rates=rates)

    def withdraw(self) -> None:
        """Take the standing ask back: nobody shall be matched to a machine that has stopped."""
        try:
            if self.take_back():
                log.info("ask withdrawn")
        except MarketError as error:
            log.warning("the ask could not be withdrawn; it lapses by itself", error=str(error))

    def take_back(self) -> bool:
        """Cancel the standing ask; False where none stands. Raises what the market raises."""
        note = self._journal.note("ask")
        if note is None:
            return False
        self._cancel(Ask.parse(note["ask"]))
        self._journal.record_note("ask", None)
        return True

    def _make_way(self, ask: Ask) -> None:
        """Cancel an ask that says what is no longer offered. One that only lapses is left to it: units may be promised
        under it until then, and of both together no more leases open than one has units.
        """
        if not self._says_what_is_offered(ask):
            self._cancel(ask)

    def _is_current(self, ask: Ask) -> bool:
        lapses = ask.valid_until <= self._now() + RENEW_BEFORE_SECONDS
        return self._says_what_is_offered(ask) and not lapses and not self._is_void(ask)

    def _says_what_is_offered(self, ask: Ask) -> bool:
        return (
            ask.rates == self._offer.rates
            and ask.units == self._offer.units
            and ask.profile_digest == self._offer.profile.digest()
            and ask.market == self._market
            and ask.agent == self._agent
        )

    def _is_void(self, ask: Ask) -> bool:
        """Whether a cancel on chain voids it. That of another machine of this provider does, if its ask was newer."""
        if self._now() - self._looked_at < LOOK_SECONDS:
            return False
        self._looked_at = self._now()
        self._lowest_salt = self._chain.provider_account(self._provider.address).ask_salt
        return ask.salt < self._lowest_salt

    def _new(self) -> Ask:
        rates = self._offer.rates
        # Counts upwards also where two are made within a second, or the clock was set back.
        salt = max(self._now(), (self._journal.note("salt") or 0) + 1, self._lowest_salt)
        self._journal.record_note("salt", salt)
        return Ask(
            provider=self._provider.address,
            market=self._market,
            agent=self._agent,
            profile_digest=self._offer.profile.digest(),
            gpu_hour_rate=rates.gpu_hour,
            vcpu_hour_rate=rates.vcpu_hour,
            gb_hour_rate=rates.gb_hour,
            gfuel_rate=rates.gfuel,
            egress_gb_rate=rates.egress_gb,
            minimum_charge=rates.minimum,
            units=self._offer.units,
            valid_until=self._now() + self._offer.valid_seconds,
            salt=salt,
        )

    def _post(self, note: dict[str, Any]) -> None:
        posted = self._client.post_ask(Ask.parse(note["ask"]), note["signature"], self._offer.profile.to_json())
        self._journal.record_note("ask", note | {"posted": True})
        log.info("ask stands", ask=posted["askHash"], units=self._offer.units)

    def _cancel(self, ask: Ask) -> None:
        if ask.valid_until <= self._now():
            return
        cancel = Cancel(signer=self._provider.address, kind=CancelKind.ASKS_BEFORE, salt=ask.salt + 1)
        self._client.cancel(cancel, cancel.sign(self._domain, self._provider.key))
