"""skeletonOf and nameIdOf: the contract and Python take the same names and see the same likeness."""

import pytest
from brownie.exceptions import VirtualMachineError
from hypothesis import example, given
from hypothesis import strategies as st

from marketplace.errors import MalformedMessage
from marketplace.protocol.module_uri import Version, compute_name_id, compute_skeleton, read_name_id, validate_name
from tests.contracts.ModuleRegistry.words import (
    latest_of,
    publish,
)

ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"
CONFUSABLE = "01258ilmoswzbnrv"
words = st.lists(st.text(ALPHABET, min_size=1, max_size=8) | st.text(CONFUSABLE, min_size=1, max_size=8), min_size=1)
names = words.map("-".join).map(lambda name: name[:32].strip("-")).filter(lambda name: len(name) >= 3)
"""Well-formed names, many of confusable characters."""
anything = st.text(ALPHABET + "--ABZ_/.@ \0é", max_size=35) | st.text(max_size=12)
"""Mostly no names."""


def is_text(name):
    """Whether UTF-8 can write it: surrogates have no bytes, and Hypothesis draws them."""
    return not any("\ud800" <= character <= "\udfff" for character in name)


numbers = st.integers(0, 3) | st.integers(0, 2**64 - 1) | st.just(2**64 - 1)
versions = st.tuples(numbers, numbers, numbers).filter(any)


@given(name=names)
@example(name="m" * 32)
@example(name="w" * 32)
@example(name=ALPHABET[:32])
@example(name=ALPHABET[4:])
@example(name="a-" * 15 + "a")
def test_a_name_has_the_skeleton_and_the_id_that_python_computes(registry, name):
    assert registry.skeletonOf(name) == compute_skeleton(name)
    assert registry.nameIdOf(name) == compute_name_id(name)
    assert read_name_id(compute_name_id(name)) == name


@given(name=anything.filter(is_text))
@example(name="abc\0")
@example(name="ab\xe9")
def test_the_contract_takes_a_name_if_and_only_if_python_does(registry, name):
    try:
        validate_name(name)
    except MalformedMessage:
        with pytest.raises(VirtualMachineError, match=r"NameLength|NameCharacter"):
            registry.skeletonOf(name)
    else:
        assert registry.skeletonOf(name) == compute_skeleton(name)


@given(first=versions, second=versions)
def test_versions_have_the_order_that_python_gives_them(registry, alice, chain, first, second):
    chain.snapshot()
    try:
        for version in dict.fromkeys((first, second)):
            publish(registry, alice, version, "ordered")
        assert latest_of(registry, "ordered") == max(Version(*first), Version(*second)).as_tuple()
    finally:
        chain.revert()
