"""deprecate(name, version, warning): for ever, visibly, and off `latest`; what was published stays as it was."""

import itertools

import pytest

from tests.contracts.ModuleRegistry.words import (
    FIRST,
    LONGEST_TEXT,
    NAME,
    NO_TEXTS,
    NO_VERSION,
    SECOND,
    THIRD,
    latest_of,
    module_of,
    publish,
    release_of,
    resolved,
    reverts_with,
)


def test_deprecate_under_a_malformed_name_reverts(registry, alice):
    with reverts_with("NameCharacter", 0, b"W"):
        registry.deprecate("Word", FIRST, "why", {"from": alice})


def test_deprecate_under_an_unknown_name_reverts(registry, alice):
    with reverts_with("UnknownName", NAME):
        registry.deprecate(NAME, FIRST, "why", {"from": alice})


def test_deprecate_by_another_than_the_owner_reverts(registry, world, alice):
    publish(registry, alice)
    for caller in (world.deployer, world.governor, world.stranger):
        with reverts_with("NotNameOwner", caller, alice):
            registry.deprecate(NAME, FIRST, "why", {"from": caller})


def test_deprecate_by_a_former_owner_reverts_even_what_it_published(registry, alice, bob):
    publish(registry, alice)
    registry.transferName(NAME, bob, {"from": alice})
    registry.acceptName(NAME, {"from": bob})
    with reverts_with("NotNameOwner", alice, bob):
        registry.deprecate(NAME, FIRST, "why", {"from": alice})
    registry.deprecate(NAME, FIRST, "why", {"from": bob})


def test_deprecate_without_a_warning_reverts(registry, alice):
    publish(registry, alice)
    with reverts_with("WarningIsEmpty"):
        registry.deprecate(NAME, FIRST, "", {"from": alice})


def test_deprecate_with_too_long_a_warning_reverts(registry, alice):
    publish(registry, alice)
    with reverts_with("TextTooLong", LONGEST_TEXT + 1, LONGEST_TEXT):
        registry.deprecate(NAME, FIRST, "x" * (LONGEST_TEXT + 1), {"from": alice})


@pytest.mark.parametrize(("text", "index", "character"), NO_TEXTS)
def test_deprecate_with_a_warning_that_is_not_printable_ascii_reverts(registry, alice, text, index, character):
    publish(registry, alice)
    with reverts_with("TextCharacter", index, character):
        registry.deprecate(NAME, FIRST, text, {"from": alice})


@pytest.mark.parametrize("version", [NO_VERSION, SECOND])
def test_deprecate_of_an_unknown_version_reverts(registry, alice, version):
    publish(registry, alice)
    with reverts_with("UnknownVersion", NAME, *version):
        registry.deprecate(NAME, version, "why", {"from": alice})


def test_deprecate_warns_and_changes_nothing_else(registry, alice):
    publish(registry, alice)
    before = release_of(registry)
    tx = registry.deprecate(NAME, FIRST, "has a hole, use 1.1.0", {"from": alice})
    assert release_of(registry) == {**before, "deprecated": True, "warning": "has a hole, use 1.1.0"}
    assert resolved(registry, FIRST) == (before["digest"], before["publisher"], True)
    assert dict(tx.events["ReleaseDeprecated"]) == {
        "nameId": registry.nameIdOf(NAME),
        "major": 1,
        "minor": 0,
        "patch": 0,
        "warning": "has a hole, use 1.1.0",
    }
    assert not module_of(registry)["deprecated"]


def test_deprecate_once_more_replaces_the_warning(registry, alice):
    for version in (FIRST, SECOND, THIRD):
        publish(registry, alice, version)
    for warning in ("x" * LONGEST_TEXT, "short"):
        registry.deprecate(NAME, SECOND, warning, {"from": alice})
        assert release_of(registry, SECOND)["warning"] == warning
    assert latest_of(registry) == THIRD


@pytest.mark.parametrize("order", itertools.permutations([FIRST, SECOND, THIRD]))
def test_latest_is_the_greatest_that_is_not_deprecated(registry, alice, order):
    left = {FIRST, SECOND, THIRD}
    for version in (SECOND, THIRD, FIRST):
        publish(registry, alice, version)
    for version in order:
        registry.deprecate(NAME, version, "why", {"from": alice})
        left.discard(version)
        assert module_of(registry)["latest"] == max(left, default=NO_VERSION)
    with reverts_with("NoLiveVersion", NAME):
        registry.latest(NAME)


def test_a_version_published_after_all_were_deprecated_is_latest_even_if_smaller(registry, alice):
    publish(registry, alice, THIRD)
    registry.deprecate(NAME, THIRD, "why", {"from": alice})
    publish(registry, alice, FIRST)
    assert latest_of(registry) == FIRST


def test_deprecate_takes_as_much_gas_among_many_versions_as_among_few(registry, alice):
    for patch in range(1, 26):
        publish(registry, alice, (1, 0, patch))
    used = [registry.deprecate(NAME, (1, 0, patch), "why", {"from": alice}).gas_used for patch in (2, 12, 24)]
    assert max(used) - min(used) < 1_000
