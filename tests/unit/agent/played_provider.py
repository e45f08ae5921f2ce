"""A provider daemon against a market and a chain that a test plays."""

from agent.journal import Journal
from agent.offer import Offer
from agent.provider import ProviderDaemon
from marketplace.domain.chain import LeaseOpened
from marketplace.protocol.enums import ExitKind
from marketplace.protocol.metering import Rates
from tests.unit.agent.played_market import AGENT, DOMAIN, PROVIDER, PlayedChain
from tests.unit.agent.test_work import ended, lease_event
from tests.unit.clearing.market import MARKET, NOW, profile

RATES = Rates(0, 10, 0, 0, 0, 0)


def make_provider(market, folder, *, runner=None, offer=None, now=NOW, chain=None, margin=300, **options):
    chain = chain or PlayedChain()
    daemon = ProviderDaemon(
        client=market, chain=chain, domain=DOMAIN, market=MARKET, provider=PROVIDER, agent=AGENT,
        offer=offer or Offer(RATES, 2, 3600, profile()), runner=runner or (lambda given, hooks=None: ended(blobs={})),
        journal=Journal(folder / "journal"), blobs=folder / "outputs", hand=chain, claim_margin=margin,
        now=lambda: now, **options,
    )  # fmt: skip
    daemon.chain = chain
    return daemon


def seen(daemon, event: LeaseOpened) -> LeaseOpened:
    daemon._journal.record_blocks(1, "0x1", [event], [])
    return event


def attested(market, terms, folder, **options):
    """A provider whose lease has run, been attested and posted."""
    blob = {ended().manifest.entries[0].digest: b"x" * 100}
    run = ended(options.pop("kind", ExitKind.EXITED), blobs=blob, fuel_used=10**9)
    provider = make_provider(market, folder, runner=lambda given, hooks=None: run, **options)
    event = seen(provider, lease_event(terms))
    provider.run_lease(event)
    provider.post_attestations()
    return provider, event
