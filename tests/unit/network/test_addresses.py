"""Addresses that no job reaches, by any way of writing them, and those that it may."""

import ipaddress

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.network.addresses import NOT_PUBLIC_V4, AddressPolicy, networks_of, read_own

PUBLIC = AddressPolicy()
V4 = st.integers(0, 2**32 - 1).map(ipaddress.IPv4Address)
V6 = st.integers(0, 2**128 - 1).map(ipaddress.IPv6Address)


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0", "10.1.2.3", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.255.0.9", "169.254.169.254",
        "172.16.0.1", "172.31.255.255", "192.0.0.192", "192.168.1.1", "198.19.0.1", "224.0.0.251", "239.1.1.1",
        "240.0.0.1", "255.255.255.255", "168.63.129.16", "::", "::1", "::ffff:10.0.0.1", "::ffff:8.8.8.8",
        "::127.0.0.1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0",
        "fec0::1", "ff02::1", "2001::1", "2001:db8::1", "2002:a00:1::1", "100::1", "5f00::1",
    ],
)  # fmt: skip
def test_address_that_is_not_public_is_reached_by_no_job(address):
    assert not PUBLIC.permits(address)


@pytest.mark.parametrize("address", ["1.1.1.1", "8.8.8.8", "93.184.215.14", "172.32.0.1", "2606:4700::1111", "2a00::1"])
def test_public_address_is_reached(address):
    assert PUBLIC.permits(address)


@pytest.mark.parametrize("text", ["", "example.org", "127.1", "0x7f000001", "2130706433", "010.0.0.1", "1.1.1.1/32"])
def test_what_is_no_address_is_none_that_a_job_reaches(text):
    assert not PUBLIC.permits(text)


@given(V4)
def test_every_ipv4_address_that_python_calls_private_or_special_is_refused(address):
    special = address.is_private or address.is_multicast or address.is_reserved or address.is_link_local
    if special or address.is_loopback or address.is_unspecified or not address.is_global:
        assert not PUBLIC.permits(str(address))


@given(st.sampled_from(NOT_PUBLIC_V4), st.integers(0, 2**32 - 1))
def test_every_address_of_a_special_network_is_refused(network, number):
    address = ipaddress.IPv4Address(int(network.network_address) | number & int(network.hostmask))
    assert not PUBLIC.permits(str(address))


@given(V4)
def test_no_ipv4_address_is_reached_in_the_clothes_of_an_ipv6_one(address):
    number = int(address)
    for prefix in ("::", "::ffff:0:0", "64:ff9b::", "::ffff:0:0:0"):
        assert not PUBLIC.permits(str(ipaddress.IPv6Address(int(ipaddress.IPv6Address(prefix)) | number)))
    assert not PUBLIC.permits(str(ipaddress.IPv6Address((0x2002 << 112) | number << 80)))


@given(V6)
def test_ipv6_addresses_outside_of_global_unicast_are_refused(address):
    if PUBLIC.permits(str(address)):
        assert int(address) >> 125 == 1 and not address.is_private and not address.is_multicast


@given(V4)
def test_a_machines_own_networks_are_refused_though_they_are_public(address):
    policy = AddressPolicy(own=(ipaddress.ip_network(f"{address}/24", strict=False),))
    assert not policy.permits(str(address))


def test_every_address_of_this_machine_is_refused():
    policy = AddressPolicy(read_own())
    found = [each.address for given in psutil.net_if_addrs().values() for each in given]
    assert found and not any(map(policy.permits, found))


def test_network_of_an_interface_is_read_off_its_mask_and_without_one_it_is_the_address_alone():
    assert networks_of("5.6.7.8", "255.255.255.0") == [ipaddress.ip_network("5.6.7.0/24")]
    assert networks_of("2a00::5", "ffff:ffff:ffff:ffff::") == [ipaddress.ip_network("2a00::/64")]
    assert networks_of("fe80::1%eth0", "ffff:ffff:ffff:ffff::") == [ipaddress.ip_network("fe80::/64")]
    for nothing in (None, "", "0.0.0.0"):
        assert networks_of("5.6.7.8", nothing) == [ipaddress.ip_network("5.6.7.8/32")]
    assert networks_of("aa:bb:cc:dd:ee:ff", None) == []


def test_only_what_is_let_through_by_name_of_the_network_passes_in_spite_of_all():
    policy = AddressPolicy(
        own=(ipaddress.ip_network("127.0.0.0/8"),), let_through=(ipaddress.ip_network("127.0.0.5/32"),)
    )
    assert policy.permits("127.0.0.5")
    assert not policy.permits("127.0.0.6")
