"""The one place that decides who fulfils which port, and that starts and stops the service."""

import logging
import os
import signal
import sys
import time
from collections.abc import Callable, MutableMapping
from socket import socket
from threading import Event
from typing import Any

import structlog
import uvicorn
from fastapi import FastAPI

from marketplace.adapters.blobs import FolderBlobs
from marketplace.adapters.chain import AddressBook, ChainReader, ChainSender, Contracts
from marketplace.adapters.store import Database, migrate, url_of
from marketplace.api.app import build_app, openapi_document
from marketplace.client.keystore import PASSWORD_ENV, Keystore, find_password
from marketplace.domain.ledger import Comparison
from marketplace.domain.roles import API, parse_roles
from marketplace.errors import KeystoreError, SettingsError
from marketplace.services.market import Market
from marketplace.services.rebuild_alone import rebuild_alone
from marketplace.services.verify_ledger import verify_ledger
from marketplace.services.workers import Workers
from marketplace.settings import ENV_PREFIX, MarketSettings

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
    store = Database(settings.database())
    return Market(
        store=store,
        chain=reader,
        sender=ChainSender(contracts, _operator_key(settings)),
        blobs=FolderBlobs(settings.data_dir / "blobs", rules.max_blob_bytes),
        clock=SystemClock(),
        rules=rules,
        clearing=store.clearing,
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
    if API not in parse_roles(settings.roles):
        work(settings)
        return
    app = create_app(settings)
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )
    structlog.get_logger("computehive").info("starting", host=settings.host, port=settings.port)
    MarketServer(config, app.state.streams.stop).run()


def work(settings: MarketSettings) -> None:
    """Do the workers' roles alone, without HTTP, until SIGINT or SIGTERM; steps under way are finished first."""
    market = build_market(settings)
    stopped = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    roles = parse_roles(settings.roles)
    workers = Workers(market, roles)
    structlog.get_logger("computehive").info("working", roles=sorted(roles))
    workers.start()
    stopped.wait()
    workers.stop()
    market.store.close()


def migrate_market(settings: MarketSettings, to: str | None = None) -> str:
    """Bring the database to a revision, the newest unless told; the one that it then has."""
    return migrate(url_of(settings.database()), to)


def rebuild_market(settings: MarketSettings) -> Comparison:
    """Read everything that the database took from the chain anew, and compare it with the chain.

    Raises ConflictError while another process of the market works, ChainUnavailable.
    """
    configure_logging(settings.log_level)
    market = build_market(settings)
    rebuild_alone(market)
    return verify_ledger(market)


def verify_market(settings: MarketSettings) -> Comparison:
    """Compare what the database says of every lease with the chain. Changes nothing. Raises ChainUnavailable."""
    configure_logging(settings.log_level)
    return verify_ledger(build_market(settings))


def describe_interface() -> dict[str, Any]:
    """The OpenAPI document that a market of this version serves."""
    return openapi_document()


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
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            *([escape_control_characters] if is_terminal else []),
            structlog.dev.ConsoleRenderer() if is_terminal else structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    logging.basicConfig(stream=sys.stderr, level=max(number, logging.WARNING))


def escape_control_characters(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A log processor: what others wrote (paths, names, reasons) begins no line of a terminal's and moves no cursor.

    JSON escapes them by itself. A trace, which is ours, keeps its lines.
    """
    for name, value in event.items():
        if isinstance(value, str) and name != "exception":
            event[name] = "".join(each if each.isprintable() else f"<U+{ord(each):04X}>" for each in value)
    return event


def _operator_key(settings: MarketSettings):
    if settings.password_file is None and settings.password is None:
        raise KeystoreError(
            "No password for the market's keystore.",
            hint=f"Set {ENV_PREFIX}PASSWORD_FILE to a file that holds it, or {ENV_PREFIX}PASSWORD.",
        )
    environ = {PASSWORD_ENV: settings.password.get_secret_value()} if settings.password else {}
    password = find_password(file=settings.password_file, environ=environ)
    return Keystore.load(settings.operator_keystore).unlock(password).key
