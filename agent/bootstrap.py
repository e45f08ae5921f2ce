"""The one place that wires the daemons: keys, chain, market, sandbox, journal."""

import signal
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from threading import Event

from eth_account.signers.local import LocalAccount

from agent.adapters import (
    Adapter,
    carried,
    descriptor_digest,
    find_elsewhere,
    network_hosts,
    open_adapters,
    registries,
)
from agent.attester import Attester, offer_tees
from agent.benchmark.record import usable_scores
from agent.fitting import FittingRunner, Machine
from agent.inputs import InputCache
from agent.inventory import take_inventory
from agent.journal import Journal
from agent.lapsing import Lapsing
from agent.live_logs import LiveLogs
from agent.lock import claim_journal, hold_folder
from agent.loglines import configure_logging
from agent.metering.runner import MeteredRunner
from agent.observed import ObservedClient, ObservedOracle, ObservedProvider, ObservedRunner, Observer, observe
from agent.offer import Offer
from agent.pauses import Pauses
from agent.private import NodeKeys, OracleKeys, open_identity
from agent.rules import RuledRunner
from agent.runtimes import RUNTIMES
from agent.sandbox import sandbox_digest
from agent.settings import AgentSettings, OracleSettings, ProviderSettings
from agent.svid import Subject, keep_identity, open_context
from agent.update.keeper import keep_updated
from agent.upstream import Upstream, refuse_unresolved
from agent.vitals import read_vitals
from agent.work import JobRunner, Resolve, Runner
from agent.work_feed import WorkFeed
from marketplace.adapters.chain import AddressBook, ChainAccount, ChainReader, Contracts
from marketplace.client import MarketClient
from marketplace.client.age import recipient_of
from marketplace.client.keystore import PASSWORD_ENV, Keystore, find_password
from marketplace.errors import KeystoreError, SettingsError
from marketplace.protocol.jobspec import METERED_SANDBOX
from marketplace.protocol.profile import NodeProfile
from marketplace.protocol.svid import NODE, ORACLE

Alter = Callable[[Runner], Runner]
"""From a node's usual runner to another: what a node is altered by has everything else of a usual one."""


def open_chain(settings: AgentSettings) -> ChainReader:
    """The contracts of the address book. Raises SettingsError where the node is of another chain."""
    reader = ChainReader(Contracts(settings.rpc_url, AddressBook.load(settings.address_book)))
    actual, expected = reader.chain_id(), reader.domain.chain_id
    if actual != expected:
        raise SettingsError(f"The node at {settings.rpc_url} is of chain {actual}, the address book of {expected}.")
    return reader


def read_password(settings: AgentSettings) -> str:
    """The keystores' password, by the rule of `find_password`. Raises KeystoreError where none is given."""
    if settings.password_file is None and not settings.password:
        raise KeystoreError(
            "No password for the keystore.", hint="Set COMPUTEHIVE_AGENT_PASSWORD_FILE, or COMPUTEHIVE_AGENT_PASSWORD."
        )
    return find_password(file=settings.password_file, environ={PASSWORD_ENV: settings.password})


def unlock(path: Path, settings: AgentSettings) -> LocalAccount:
    """The key in a keystore."""
    return Keystore.load(path).unlock(read_password(settings))


def open_offered(settings: ProviderSettings) -> dict[str, Adapter]:
    """The sandboxes to offer. Raises SettingsError where a rule names one that this machine does not have."""
    found = open_adapters(settings.adapters)
    missing = sorted(set(settings.sandboxes) - found.keys())
    if missing:
        raise SettingsError(
            f"rules.sandboxes: {missing[0]!r} is none of this machine's: {', '.join(sorted(found))}.",
            hint="A docker sandbox needs a container_engine.",
        )
    return {name: found[name] for name in settings.sandboxes or found}


def promise_sandboxes(adapters: Mapping[str, Adapter]) -> dict[str, str]:
    """What an ask promises of the sandboxes whose jobs oracles run again: `NodeProfile.sandbox_digests`."""
    return {name: descriptor_digest(found) for name, found in adapters.items() if name == METERED_SANDBOX}


def open_inputs(settings: AgentSettings, client: MarketClient) -> InputCache:
    """Where jobs' bytes come from: the disk, else the market."""
    return InputCache(settings.data / "inputs", settings.input_cache_mb, client.get_blob)


def build_runner(
    settings: ProviderSettings,
    adapters: Mapping[str, Adapter],
    machine: Machine,
    client: MarketClient,
    keys: NodeKeys | None = None,
    alter: Alter | None = None,
    resolve: Resolve = refuse_unresolved,
) -> Runner:
    """What runs a provider's jobs: by its rules, where the machine fits, with its counters read, out of its cache."""
    cache = open_inputs(settings, client)
    plain = JobRunner(adapters, client.get_blob, cache=cache, keys=keys, resolve=resolve)
    usual: Runner = plain if find_elsewhere(adapters) else MeteredRunner(plain)  # these counters are of this machine
    await_grant = None if keys is None else keys.await_grant
    fitting = FittingRunner(machine, alter(usual) if alter else usual, await_grant=await_grant)
    return RuledRunner(settings.rules, fitting)


def describe_machine(settings: ProviderSettings, adapters: Mapping[str, Adapter], identity: str | None) -> NodeProfile:
    """The profile that this provider's asks name. `identity` is None where it runs no private jobs."""
    profile = take_inventory(
        settings.region,
        runtimes={name: runtime.digest for name, runtime in RUNTIMES.items()} | carried(adapters),
        sandboxes=tuple(sorted(adapters)),
        data_folder=settings.data,
        stated=settings.stated,
        preemptible_jobs=settings.preemptible_jobs,
        benchmark=usable_scores(settings.data),
    )
    elsewhere = find_elsewhere(adapters)
    return (elsewhere.describe(profile) if elsewhere else profile).model_copy(
        update={
            "tees": () if elsewhere else offer_tees(profile.tees, settings.tee_collateral),
            "registries": registries(adapters),
            "network_hosts": network_hosts(adapters),
            "sandbox_digests": promise_sandboxes(adapters),
            "recipient": recipient_of(identity) if identity else None,
        }
    )


def open_node_keys(
    settings: ProviderSettings, client: MarketClient, chain: ChainReader, agent: LocalAccount, identity: str
) -> NodeKeys:
    """Where this node's private jobs have their keys from."""
    domain, seconds = chain.domain, settings.grant_seconds
    return NodeKeys(client=client, chain=chain, domain=domain, agent=agent, identity=identity, seconds=seconds)


def build_provider(
    settings: ProviderSettings, client: MarketClient, alter: Alter | None = None, observer: Observer | None = None
) -> tuple[ObservedProvider, Lapsing]:
    """A provider daemon, and what is done beside its work, in steps.

    `alter` replaces what runs its jobs, and may go on using it.
    """
    observer = observer or Observer()
    chain = open_chain(settings)
    adapters = open_offered(settings)
    provider = unlock(settings.keystore, settings)
    agent = unlock(settings.agent_keystore, settings) if settings.agent_keystore else provider
    elsewhere = find_elsewhere(adapters)
    identity = open_identity(settings.data) if settings.private_jobs and not elsewhere else None
    profile = describe_machine(settings, adapters, identity)
    keys = open_node_keys(settings, client, chain, agent, identity) if identity else None
    upstream = Upstream(chain, client)
    journal = claim_journal(Journal(settings.data / "provider.sqlite"), provider.address, settings.data)
    daemon = ObservedProvider(
        observer=observer,
        client=client,
        chain=chain,
        domain=chain.domain,
        market=client.config()["market"],
        provider=provider,
        agent=agent,
        offer=Offer(settings.rates, settings.units, settings.ask_valid_seconds, profile),
        runner=ObservedRunner(
            build_runner(settings, adapters, Machine(profile, settings.units), client, keys, alter, upstream.resolve),
            observer.meter,
        ),
        journal=journal,
        blobs=settings.data / "outputs",
        hand=ChainAccount(Contracts(settings.rpc_url, AddressBook.load(settings.address_book)), provider.key),
        claim_margin=settings.claim_margin_seconds,
        live_logs=LiveLogs(client=client, domain=chain.domain, agent=agent, now=lambda: int(time.time())),
        attester=Attester(chain=chain, domain=chain.domain, agent=agent.address, collateral=settings.tee_collateral),
        is_price_automatic=settings.auto_price,
        count_waiting=lambda: keys.waiting if keys else 0,
        pauses=Pauses(
            settings.schedule,
            settings.caution,
            lambda: read_vitals(settings.data),
            time.time,
            elsewhere.find_worry if elsewhere else lambda: "",
        ),
        feed=WorkFeed(lambda opened: client.work_stream(agent=agent.address, opened=opened)),
    )
    daemon.identity = keep_identity(client, chain.domain, Subject(agent, provider.address, NODE), settings.data)
    return daemon, Lapsing(adapters, journal)


def build_oracle(settings: OracleSettings, client: MarketClient, observer: Observer | None = None) -> ObservedOracle:
    """An oracle daemon."""
    observer = observer or Observer()
    chain = open_chain(settings)
    account = unlock(settings.keystore, settings)
    identity, sandbox = open_identity(settings.data), sandbox_digest()
    upstream = Upstream(chain, client)
    keys = OracleKeys(client=client, domain=chain.domain, account=account, identity=identity, sandbox=sandbox)
    daemon = ObservedOracle(
        observer=observer,
        client=client,
        chain=chain,
        domain=chain.domain,
        account=account,
        runner=ObservedRunner(
            JobRunner(
                open_adapters(settings.adapters),
                client.get_blob,
                cache=open_inputs(settings, client),
                wall_factor=settings.wall_factor,
                keys=keys,
                resolve=upstream.resolve,
            ),
            observer.meter,
        ),
        keys=keys,
        upstream=upstream,
        journal=claim_journal(Journal(settings.data / "oracle.sqlite"), account.address, settings.data),
        feed=WorkFeed(lambda opened: client.work_stream(oracle=account.address, opened=opened)),
    )
    daemon.identity = keep_identity(client, chain.domain, Subject(account, account.address, ORACLE), settings.data)
    return daemon


def run_provider(settings: ProviderSettings, alter: Alter | None = None, *, is_supervised: bool = False) -> None:
    """Run a provider until SIGTERM or SIGINT; after SIGUSR1, or `hive provider drain`, until it has left in order.

    `alter` is that of `build_provider`. `is_supervised`: hive-provider-start started it, and starts it again, as
    another version, after VersionSwitched, which is raised then.
    """
    stop, drain = _stop_on_signals(), Event()
    if hasattr(signal, "SIGUSR1"):
        signal.signal(signal.SIGUSR1, lambda *_: drain.set())
    with (
        hold_folder(settings.data, "provider"),
        observe(settings, "computehive-provider") as observer,
        open_client(settings, observer) as client,
    ):
        daemon, lapsing = build_provider(settings, client, alter, observer)
        with keep_updated(settings, daemon.is_heard, is_supervised=is_supervised) as beside:
            daemon.run(stop, drain=drain, beside=[*daemon.identity, *beside, lapsing.step])


def run_oracle(settings: OracleSettings) -> None:
    """Run an oracle until SIGTERM or SIGINT."""
    stop = _stop_on_signals()
    with (
        hold_folder(settings.data, "oracle"),
        observe(settings, "computehive-oracle") as observer,
        open_client(settings, observer) as client,
    ):
        daemon = build_oracle(settings, client, observer)
        daemon.run(stop, beside=daemon.identity)


def open_client(settings: AgentSettings, observer: Observer) -> ObservedClient:
    """A connection to the market, over https with the daemon's certificate. Raises AgentError."""
    if not settings.url.startswith("https://"):
        return ObservedClient(settings.url, observer)
    return ObservedClient(settings.url, observer, context=partial(open_context, settings.data))


def _stop_on_signals() -> Event:
    configure_logging()
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop
