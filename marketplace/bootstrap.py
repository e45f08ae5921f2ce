"""The one place that decides who fulfils which port, and that starts and stops the service."""

import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from socket import socket
from threading import Event
from typing import Any

import structlog
import uvicorn
from fastapi import FastAPI

from marketplace.adapters.backup import Backup, Identity, put_in_place, take_backup, unpack_backup
from marketplace.adapters.chain import AddressBook, ChainReader, ChainSender, Contracts
from marketplace.adapters.courier import HttpCourier
from marketplace.adapters.policy import RegoPolicy
from marketplace.adapters.remedy import CommandRemedy
from marketplace.adapters.signer import KeySigner
from marketplace.adapters.store import migrate, url_of
from marketplace.api.app import build_app, openapi_document, release
from marketplace.api.connections import careful_protocol
from marketplace.api.streams import Streams
from marketplace.client.keystore import PASSWORD_ENV, Keystore, find_password
from marketplace.domain.access import derive_secret
from marketplace.domain.ledger import Comparison
from marketplace.domain.roles import API, parse_roles
from marketplace.errors import ConflictError, KeystoreError, SettingsError
from marketplace.protocol.audit_log import LogKind
from marketplace.services.audit_log import enter_act
from marketplace.services.begin_history import begin_history
from marketplace.services.catch_up import catch_up
from marketplace.services.instruments import Instruments
from marketplace.services.market import Market
from marketplace.services.readings import read_gauges
from marketplace.services.rebuild_alone import rebuild_alone
from marketplace.services.record_log import take_shared_log
from marketplace.services.verify_ledger import verify_ledger
from marketplace.services.workers import Workers
from marketplace.settings import ENV_PREFIX, MarketSettings
from marketplace.stores import open_authority, open_blobs, open_feed, open_store, require_same_place, tls_options
from marketplace.telemetry.lines import configure_logging
from marketplace.telemetry.logs import JOB_NAMES
from marketplace.telemetry.market_metrics import BUILD, STREAMS
from marketplace.telemetry.metrics import MetricsServer
from marketplace.telemetry.tracing import open_tracer

SHUTDOWN_SECONDS = 10
"""How long requests under way may take after a stop was asked for."""


class SystemClock:
    """`ports.Clock`: this machine's."""

    def now(self) -> int:
        return int(time.time())


def build_market(settings: MarketSettings) -> Market:
    """A market on its real chain, database and folder. Raises SettingsError, KeystoreError, ChainUnavailable."""
    book = AddressBook.load(settings.address_book)
    contracts = Contracts(settings.rpc_url, book)
    reader = ChainReader(contracts)
    actual = reader.chain_id()
    if actual != book.chain_id:
        raise SettingsError(
            f"{settings.rpc_url} is chain {actual}, {settings.address_book} is of chain {book.chain_id}.",
            hint="Name the node of that chain, or that chain's address book.",
        )
    rules, key = settings.rules(), _operator_key(settings)
    sender = ChainSender(contracts, key)
    store = open_store(settings)
    return Market(
        store=store,
        chain=reader,
        sender=sender,
        signer=KeySigner(reader.domain, key),
        blobs=open_blobs(settings),
        clock=SystemClock(),
        rules=rules,
        clearing=store.clearing,
        instruments=Instruments(tracer=open_tracer(settings.otlp_endpoint, "computehive-market")),
        policy=RegoPolicy(settings.policy) if settings.policy else None,
        remedy=CommandRemedy(settings.remedy, settings.remedy_seconds) if settings.remedy else None,
        courier=HttpCourier(settings.networks()),
        secret=derive_secret(bytes(key)),
        feed=open_feed(settings, sender.address),
        authority=open_authority(settings),
    )


def create_app(settings: MarketSettings) -> FastAPI:
    """The whole service as an ASGI application."""
    market = build_market(settings)
    book = AddressBook.load(settings.address_book)
    return build_app(
        market,
        rpc_url=settings.public_rpc_url or settings.rpc_url,
        contracts=book.contracts,
        roles=parse_roles(settings.roles),
    )


class MarketServer(uvicorn.Server):
    """Tells streams to end before it waits for every answer to be complete: they are never complete by themselves.

    `finish` is done last, here and not after `run`: once that has stopped, a SIGTERM ends the process then and there.
    """

    def __init__(
        self, config: uvicorn.Config, stop_streams: Callable[[], None], finish: Callable[[], None] = lambda: None
    ) -> None:
        super().__init__(config)
        self._stop_streams, self._finish = stop_streams, finish

    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        self._stop_streams()
        await super().shutdown(sockets)
        self._finish()


def server_config(app: FastAPI, settings: MarketSettings) -> uvicorn.Config:
    """Where it listens, and whose word it takes for where a request is from."""
    return uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        forwarded_allow_ips=settings.proxies,
        http=careful_protocol(settings.max_connections, proxies=settings.proxies_of_certificates),
        **tls_options(settings),
        ws="none",  # there are no web sockets, and one would be bound by none of it
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )


def serve(settings: MarketSettings) -> None:
    """Serve until SIGINT or SIGTERM; requests and steps under way are finished first."""
    configure_logging(settings.log_level)
    if API not in parse_roles(settings.roles):
        work(settings)
        return
    app = create_app(settings)
    market: Market = app.state.market
    if market.feed is not None:
        market.feed.follow(partial(take_shared_log, market))
    with observe(market, settings, app.state.streams) as told:
        structlog.get_logger("computehive").info("starting", host=settings.host, port=settings.port, **told)
        MarketServer(server_config(app, settings), app.state.streams.stop, market.instruments.tracer.close).run()


def work(settings: MarketSettings) -> None:
    """Do the workers' roles alone, without HTTP, until SIGINT or SIGTERM; steps under way are finished first."""
    market = build_market(settings)
    stopped = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    roles = parse_roles(settings.roles)
    workers = Workers(market, roles)
    with observe(market, settings) as told:
        structlog.get_logger("computehive").info("working", roles=sorted(roles), **told)
        workers.start()
        stopped.wait()
        workers.stop()
    market.store.close()


@contextmanager
def observe(market: Market, settings: MarketSettings, streams: Streams | None = None) -> Iterator[dict[str, object]]:
    """Serve metrics as long as the block lasts, where that is set, and send the last spans; for the log, where.

    `streams` are those of the process that serves HTTP. Raises SettingsError where the port cannot be had.
    """
    meter, server = market.instruments.meter, None
    meter.set(BUILD, 1, version=release())
    policy = market.policy.digest if market.policy else ""
    enter_act(market, LogKind.STARTED, version=release(), roles=sorted(parse_roles(settings.roles)), policy=policy)
    with market.store.read() as tx:
        for lease in tx.leases.open():
            JOB_NAMES.learn(lease.lease_id, lease.bid_hash)
    meter.look_up(lambda: [*read_gauges(market), (STREAMS, (), streams.open_count if streams else 0)])
    if settings.metrics_port is not None:
        server = MetricsServer(meter, settings.metrics_host, settings.metrics_port)
    try:
        yield {"metrics": f"{settings.metrics_host}:{server.port}"} if server else {}
    finally:
        if server is not None:
            server.close()
        if market.feed is not None:
            market.feed.close()
        market.instruments.tracer.close()


def migrate_market(settings: MarketSettings, to: str | None = None) -> str:
    """Bring the database to a revision, the newest unless told; the one that it then has."""
    return migrate(url_of(settings.database()), to)


def rebuild_market(settings: MarketSettings) -> Comparison:
    """Read everything that the database took from the chain anew, and compare it with the chain.

    Raises ConflictError while another process of the market works, or as `await_unknown`, ChainUnavailable.
    """
    configure_logging(settings.log_level)
    market = build_market(settings)
    rebuild_alone(market)
    return verify_ledger(market)


def verify_market(settings: MarketSettings) -> Comparison:
    """Compare what the database says of every lease with the chain. Changes nothing. Raises ChainUnavailable."""
    configure_logging(settings.log_level)
    return verify_ledger(build_market(settings))


def back_up_market(settings: MarketSettings, folder: Path) -> Backup:
    """Copy database and blobs into a new folder, beside a service that may run. The chain is not asked.

    Raises SettingsError on PostgreSQL, and as `take_backup`.
    """
    _require_sqlite(settings, "pg_dump")
    return take_backup(settings.data_dir, folder, _identity(settings), int(time.time()), settings.blobs_url)


def restore_market(settings: MarketSettings, folder: Path, wait: float) -> tuple[Backup, Comparison]:
    """Put a backup into the place of a market that is lost, and have it know what the chain has seen since.

    All of it happens aside: the data folder has the market once it could be started, and is left as it was otherwise.
    Raises SettingsError on PostgreSQL, ConflictError where there is a database, and as `unpack_backup` and `catch_up`.
    """
    configure_logging(settings.log_level)
    _require_sqlite(settings, "pg_restore")
    if any(settings.data_dir.glob("market.db*")):  # a journal of another database would be taken for this one's
        raise ConflictError(
            f"{settings.data_dir} has a market's database, or what is left of one.",
            hint="Stop the service and move market.db, market.db-wal and market.db-shm away; blobs may stay.",
        )
    staged = settings.data_dir / "restoring"
    shutil.rmtree(staged, ignore_errors=True)
    try:
        backup = unpack_backup(folder, staged, _identity(settings))
        require_same_place(backup, settings)
        market = build_market(settings.model_copy(update={"data_dir": staged}))
        with closing(market.store):
            catch_up(market, wait)
            begin_history(market)
            enter_act(market, LogKind.RESTORED, takenAt=backup.taken_at)
            found = verify_ledger(market)
        put_in_place(staged, settings.data_dir)
    finally:
        shutil.rmtree(staged, ignore_errors=True)
    return backup, found


def describe_interface() -> dict[str, Any]:
    """The OpenAPI document that a market of this version serves."""
    return openapi_document()


def _require_sqlite(settings: MarketSettings, tool: str) -> None:
    if not settings.is_embedded:
        raise SettingsError(
            "Backups of this kind are of SQLite; this market's database is another.",
            hint=f"Take {tool}: docs/how-to/back-up-a-market.md says how.",
        )


def _identity(settings: MarketSettings) -> Identity:
    book = AddressBook.load(settings.address_book)
    return Identity(book.chain_id, book.contracts["Escrow"], Keystore.load(settings.operator_keystore).address)


def _operator_key(settings: MarketSettings):
    if settings.password_file is None and settings.password is None:
        raise KeystoreError(
            "No password for the market's keystore.",
            hint=f"Set {ENV_PREFIX}PASSWORD_FILE to a file that holds it, or {ENV_PREFIX}PASSWORD.",
        )
    environ = {PASSWORD_ENV: settings.password.get_secret_value()} if settings.password else {}
    password = find_password(file=settings.password_file, environ=environ)
    return Keystore.load(settings.operator_keystore).unlock(password).key
