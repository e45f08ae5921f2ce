"""Where strangers may have this machine connect to: public addresses that are not its own. Pure, but for `read_own`.

Strangers are jobs, whose names an agent's proxy looks up, and owners of webhooks, whose addresses a market calls.

A name is looked up once, every address of the answer is checked, and what was checked is what is connected to: an
answer that changes afterwards changes nothing. One bad address among good ones refuses them all, since nobody honest
gives such an answer.
"""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass

import psutil

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Net = ipaddress.IPv4Network | ipaddress.IPv6Network

NOT_PUBLIC_V4 = tuple(
    ipaddress.IPv4Network(each)
    for each in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24",
        "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
    )
)  # fmt: skip
"""IANA's registry of special-purpose IPv4 addresses (RFC 6890 and its updates), and multicast."""
CLOUD_SERVICES = (ipaddress.IPv4Network("168.63.129.16/32"),)
"""Addresses that look public, and are a cloud's own service to each of its machines (Azure's here)."""
PUBLIC_V6 = ipaddress.IPv6Network("2000::/3")
"""All that is global unicast today: loopback, link-local, ULA, IPv4-mapped, NAT64 and multicast lie outside."""
NOT_PUBLIC_V6 = tuple(ipaddress.IPv6Network(each) for each in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"))
"""Within it: Teredo, ORCHID and other protocols, documentation, and 6to4, whose addresses hold IPv4 ones."""


@dataclass(frozen=True, slots=True)
class AddressPolicy:
    """What is refused beyond what nobody ever reaches, and what is let through all the same."""

    own: tuple[Net, ...] = ()
    """The networks that this machine is in itself, with its own addresses."""
    let_through: tuple[Net, ...] = ()
    """Allowed whatever else is said. Of jobs empty but in tests, with servers on the loopback: no setting fills it."""

    def permits(self, address: str) -> bool:
        """Whether a stranger may be connected to this address. What is no address is none that it may."""
        try:
            found = ipaddress.ip_address(address)
        except ValueError:
            return False
        if _is_in(found, self.let_through):
            return True
        return _is_public(found) and not _is_in(found, self.own)


def _is_public(address: Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address):
        return address in PUBLIC_V6 and not _is_in(address, NOT_PUBLIC_V6)
    return not _is_in(address, (*NOT_PUBLIC_V4, *CLOUD_SERVICES))


def _is_in(address: Address, networks: Iterable[Net]) -> bool:
    return any(address in network for network in networks)  # one of the other version is in none


def read_own() -> tuple[Net, ...]:
    """The networks of this machine's interfaces: its neighbours may trust it, so no stranger reaches them."""
    given = ((each.address, each.netmask) for found in psutil.net_if_addrs().values() for each in found)
    return tuple(network for address, netmask in given for network in networks_of(address, netmask))


def networks_of(address: str, netmask: str | None) -> list[Net]:
    """The network of an interface's address; where its mask is none, or everything, the address alone.

    Nothing for what is no IP address, such as a MAC.
    """
    try:
        alone = ipaddress.ip_network(address.partition("%")[0])
    except ValueError:
        return []
    prefix = _prefix_length(netmask)
    return [alone.supernet(new_prefix=prefix) if 0 < prefix <= alone.prefixlen else alone]


def _prefix_length(netmask: str | None) -> int:
    try:
        return int(ipaddress.ip_address(netmask or "")).bit_count()
    except ValueError:
        return 0
