"""The one place that decides who fulfils which port, and that starts and stops the service."""

import logging
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from socket import socket

import structlog
import uvicorn
from fastapi import FastAPI

from marketplace.adapters.blobs import FolderBlobs
from marketplace.adapters.chain import AddressBook, ChainReader, ChainSender, Contracts
from marketplace.adapters.remedy import CommandRemedy
from marketplace.adapters.store import Database
from marketplace.api.app import build_app
from marketplace.client.keystore import PASSWORD_ENV, Keystore, find_password
from marketplace.errors import KeystoreError, SettingsError
from marketplace.services.follow_chain import rebuild
from marketplace.services.instruments import Instruments
from marketplace.services.market import Market
from marketplace.services.readings import read_gauges
from marketplace.settings import ENV_PREFIX, MarketSettings
from marketplace.telemetry.logs import JOB_NAMES
from marketplace.telemetry.market_metrics import BUILD, STREAMS
from marketplace.telemetry.metrics import Meter, MetricsServer
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
    rules = settings.rules()
    return Market(
        store=Database(settings.data_dir / "market.db"),
        chain=reader,
        sender=ChainSender(contracts, _operator_key(settings)),
        blobs=FolderBlobs(settings.data_dir / "blobs", rules.max_blob_bytes),
        clock=SystemClock(),
        rules=rules,
        instruments=Instruments(tracer=open_tracer(settings.otlp_endpoint, "computehive-market")),
        remedy=CommandRemedy(settings.remedy, settings.remedy_seconds) if settings.remedy else None,
    )


def create_app(settings: MarketSettings) -> FastAPI:
    """The whole service as an ASGI application."""
    market = build_market(settings)
    book = AddressBook.load(settings.address_book)
    return build_app(
        market,
        rpc_url=settings.public_rpc_url or settings.rpc_url,
        contracts=book.contracts,
    )


class MarketServer(uvicorn.Server):
    """Tells streams to end before it waits for every answer to be complete: they are never complete by themselves."""

    def __init__(self, config: uvicorn.Config, stop_streams: Callable[[], None]) -> None:
        super().__init__(config)
        self._stop_streams = stop_streams

    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        self._stop_streams()
        await super().shutdown(sockets)


def serve(settings: MarketSettings) -> None:
    """Serve until SIGINT or SIGTERM; requests and steps under way are finished first."""
    configure_logging(settings.log_level)
    app = create_app(settings)
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )
    with observe(app, settings) as told:
        structlog.get_logger("computehive").info("starting", host=settings.host, port=settings.port, **told)
        MarketServer(config, app.state.streams.stop).run()


@contextmanager
def observe(app: FastAPI, settings: MarketSettings) -> Iterator[dict[str, object]]:
    """Serve metrics as long as the block lasts, where that is set, and send the last spans; for the log, where.

    Raises SettingsError where the port cannot be had.
    """
    market, streams, server = app.state.market, app.state.streams, None
    meter: Meter = market.instruments.meter
    meter.set(BUILD, 1, version=app.version)
    with market.store.read() as tx:
        for lease in tx.leases.open():
            JOB_NAMES.learn(lease.lease_id, lease.bid_hash)
    meter.look_up(lambda: [*read_gauges(market), (STREAMS, (), streams.open_count)])
    if settings.metrics_port is not None:
        server = MetricsServer(meter, settings.metrics_host, settings.metrics_port)
    try:
        yield {"metrics": f"{settings.metrics_host}:{server.port}"} if server else {}
    finally:
        if server is not None:
            server.close()
        market.instruments.tracer.close()


def rebuild_market(settings: MarketSettings) -> None:
    """Read everything that the database took from the chain anew. Not while the service runs on the same database."""
    configure_logging(settings.log_level)
    rebuild(build_market(settings))


def configure_logging(level: str) -> None:
    """Structured lines on stderr: for people at a terminal, JSON elsewhere. Raises SettingsError."""
    number = logging.getLevelNamesMapping().get(level.upper())
    if number is None:
        raise SettingsError(
            f"{ENV_PREFIX}LOG_LEVEL: {level!r} is not a level.",
            hint="Use debug, info, warning or error.",
        )
    is_terminal = sys.stderr.isatty() and "NO_COLOR" not in os.environ
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            JOB_NAMES,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.dev.ConsoleRenderer() if is_terminal else structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    logging.basicConfig(stream=sys.stderr, level=max(number, logging.WARNING))


def _operator_key(settings: MarketSettings):
    if settings.password_file is None and settings.password is None:
        raise KeystoreError(
            "No password for the market's keystore.",
            hint=f"Set {ENV_PREFIX}PASSWORD_FILE to a file that holds it, or {ENV_PREFIX}PASSWORD.",
        )
    environ = {PASSWORD_ENV: settings.password.get_secret_value()} if settings.password else {}
    password = find_password(file=settings.password_file, environ=environ)
    return Keystore.load(settings.operator_keystore).unlock(password).key
