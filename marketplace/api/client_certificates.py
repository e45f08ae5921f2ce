"""Tells the application which certificate a client has: of the connection, or of the proxy in front.

Uvicorn says nothing of it. Here it is where ASGI's TLS extension has it, in `scope["extensions"]["tls"]`.
"""

import ssl
from asyncio import Transport
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Any
from urllib.parse import unquote

from marketplace.api.peers import CHAIN, TLS_EXTENSION

HEADER = b"x-client-cert"
"""The leaf in PEM, percent-encoded, as nginx has it in `$ssl_client_escaped_cert`."""
Network = IPv4Network | IPv6Network


def tell_certificate(app: Any, transport: Transport, proxies: tuple[Network, ...]) -> Any:
    """`app` as one connection calls it. The header goes no further, and counts where the connection is a proxy's."""
    tls = transport.get_extra_info("ssl_object")
    own = tls.getpeercert(binary_form=True) if tls is not None else None
    is_proxy = _is_within(transport.get_extra_info("peername"), proxies)

    async def told(scope: Any, receive: Any, send: Any) -> None:
        given = [value for name, value in scope["headers"] if name == HEADER]
        headers = [(name, value) for name, value in scope["headers"] if name != HEADER]
        leaf = _decode(given) if is_proxy else own
        extensions = dict(scope.get("extensions", {}))
        if leaf is not None:
            extensions[TLS_EXTENSION] = {CHAIN: [leaf]}
        await app(scope | {"headers": headers, "extensions": extensions}, receive, send)

    return told


def _is_within(peer: Any, networks: tuple[Network, ...]) -> bool:
    if not isinstance(peer, tuple) or not networks:
        return False
    address = ip_address(peer[0].partition("%")[0])
    address = getattr(address, "ipv4_mapped", None) or address
    return any(address in network for network in networks)


def _decode(values: list[bytes]) -> bytes | None:
    """DER; None where there is no header, more than one, or one that is no certificate."""
    if len(values) != 1:
        return None
    try:
        return ssl.PEM_cert_to_DER_cert(unquote(values[0].decode("ascii")).strip())
    except ValueError:
        return None
