"""What a market's settings say of where it keeps things, opened."""

import ssl
from pathlib import Path
from typing import Any

from marketplace.adapters.authority import FileAuthority
from marketplace.adapters.authority_files import BUNDLE
from marketplace.adapters.backup import Backup
from marketplace.adapters.blobs import FolderBlobs
from marketplace.adapters.bucket import BucketBlobs
from marketplace.adapters.nats_feed import NatsFeed
from marketplace.adapters.store import Database
from marketplace.domain.roles import API, parse_roles
from marketplace.errors import ConflictError
from marketplace.ports import Blobs, Feed
from marketplace.settings import MarketSettings


def open_store(settings: MarketSettings) -> Database:
    """The database, and its replicas where this process answers for pages. Raises SettingsError, ServiceUnavailable."""
    replicas = settings.replicas() if API in parse_roles(settings.roles) else ()
    return Database(settings.database(), replicas=replicas, lag_seconds=settings.read_lag_seconds)


def open_blobs(settings: MarketSettings) -> Blobs:
    """The folder `blobs` of the data folder, or the bucket. Raises SettingsError, ServiceUnavailable."""
    reserved, total = settings.disk_reserve_mb * 1_000_000, settings.blobs_total_mb * 1_000_000
    if settings.blobs_url is None:
        return FolderBlobs(blob_folder(settings), settings.max_blob_bytes, total=total, reserved=reserved)
    staging = settings.data_dir / "uploads"
    return BucketBlobs(settings.blobs_url, staging, settings.max_blob_bytes, total=total, reserved=reserved)


def open_feed(settings: MarketSettings, market: str) -> Feed | None:
    """Where the events of the operator `market` are told, if anywhere. Raises SettingsError."""
    url = settings.nats()
    return None if url is None else NatsFeed(url, feed_prefix(market))


def open_authority(settings: MarketSettings) -> FileAuthority | None:
    """Who gives certificates to nodes and oracles, if anybody. Raises SettingsError."""
    if settings.node_ca is None:
        return None
    seconds, is_required = settings.node_certificate_seconds, settings.require_node_certificates
    return FileAuthority(settings.node_ca, seconds=seconds, is_required=is_required)


def tls_options(settings: MarketSettings) -> dict[str, Any]:
    """What uvicorn is told to speak TLS, where the market does so itself: clients may show a certificate of `node_ca`.

    They need not: wallets and browsers have none. One of another authority ends the handshake.
    """
    if settings.tls_certificate is None:
        return {}
    options: dict[str, Any] = {"ssl_certfile": settings.tls_certificate, "ssl_keyfile": settings.tls_key}
    if settings.node_ca is not None:
        options |= {"ssl_ca_certs": settings.node_ca / BUNDLE, "ssl_cert_reqs": ssl.CERT_OPTIONAL}
    return options


def feed_prefix(market: str) -> str:
    """Of all subjects: several markets may share a server."""
    return f"computehive.{market.lower()}"


def require_same_place(backup: Backup, settings: MarketSettings) -> None:
    """Raises ConflictError where the blobs of a backup are not where these settings would look for them."""
    if backup.bucket == settings.blobs_url:
        return
    were, look = (f"the bucket {url}" if url else "its own folder" for url in (backup.bucket, settings.blobs_url))
    raise ConflictError(
        f"The backup's blobs are in {were}; this market looks for them in {look}.",
        hint="Restore with COMPUTEHIVE_MARKET_BLOBS_URL as it was then; blobs can be moved afterwards.",
    )


def blob_folder(settings: MarketSettings) -> Path:
    """Where blobs are files."""
    return settings.data_dir / "blobs"
