"""deprecateName(name, warning) and restoreName(name): a whole name, visibly; no new versions until it is restored."""

import pytest

from tests.contracts.ModuleRegistry.words import (
    DIGEST,
    FIRST,
    LONGEST_TEXT,
    NAME,
    NO_TEXTS,
    SECOND,
    latest_of,
    module_of,
    publish,
    release_of,
    resolved,
    reverts_with,
)


def test_deprecate_name_of_an_unknown_name_reverts(registry, alice):
    with reverts_with("UnknownName", NAME):
        registry.deprecateName(NAME, "why", {"from": alice})


def test_deprecate_name_by_another_than_the_owner_reverts(registry, world, alice):
    publish(registry, alice)
    for caller in (world.deployer, world.governor, world.stranger):
        with reverts_with("NotNameOwner", caller, alice):
            registry.deprecateName(NAME, "why", {"from": caller})


@pytest.mark.parametrize("length", [0, LONGEST_TEXT + 1])
def test_deprecate_name_with_no_warning_or_too_long_a_one_reverts(registry, alice, length):
    publish(registry, alice)
    expected = ("TextTooLong", length, LONGEST_TEXT) if length else ("WarningIsEmpty",)
    with reverts_with(*expected):
        registry.deprecateName(NAME, "x" * length, {"from": alice})


@pytest.mark.parametrize(("text", "index", "character"), NO_TEXTS)
def test_deprecate_name_with_a_warning_that_is_not_printable_ascii_reverts(registry, alice, text, index, character):
    publish(registry, alice)
    with reverts_with("TextCharacter", index, character):
        registry.deprecateName(NAME, text, {"from": alice})


def test_a_deprecated_name_resolves_visibly_deprecated(registry, alice):
    publish(registry, alice)
    before = module_of(registry)
    tx = registry.deprecateName(NAME, "use wc2", {"from": alice})
    assert module_of(registry) == {**before, "deprecated": True, "warning": "use wc2"}
    assert latest_of(registry) == FIRST
    assert resolved(registry, FIRST) == (DIGEST, alice, True)
    assert not release_of(registry)["deprecated"]
    assert dict(tx.events["NameDeprecated"]) == {"nameId": registry.nameIdOf(NAME), "warning": "use wc2"}


def test_deprecate_name_once_more_replaces_the_warning(registry, alice):
    publish(registry, alice)
    for warning in ("x" * LONGEST_TEXT, "short"):
        registry.deprecateName(NAME, warning, {"from": alice})
        assert module_of(registry)["warning"] == warning


def test_versions_of_a_deprecated_name_can_still_be_deprecated(registry, alice):
    publish(registry, alice)
    registry.deprecateName(NAME, "gone", {"from": alice})
    registry.deprecate(NAME, FIRST, "has a hole", {"from": alice})
    assert release_of(registry)["warning"] == "has a hole"


def test_restore_name_of_an_unknown_name_reverts(registry, alice):
    with reverts_with("UnknownName", NAME):
        registry.restoreName(NAME, {"from": alice})


def test_restore_name_by_another_than_the_owner_reverts(registry, world, alice):
    publish(registry, alice)
    registry.deprecateName(NAME, "gone", {"from": alice})
    with reverts_with("NotNameOwner", world.deployer, alice):
        registry.restoreName(NAME, {"from": world.deployer})


def test_restore_name_of_a_name_that_is_not_deprecated_reverts(registry, alice):
    publish(registry, alice)
    with reverts_with("NameNotDeprecated", NAME):
        registry.restoreName(NAME, {"from": alice})


def test_restore_name_lifts_the_names_warning_and_no_versions(registry, alice):
    publish(registry, alice)
    publish(registry, alice, SECOND)
    before = module_of(registry)
    registry.deprecate(NAME, FIRST, "has a hole", {"from": alice})
    registry.deprecateName(NAME, "gone", {"from": alice})
    tx = registry.restoreName(NAME, {"from": alice})
    assert module_of(registry) == before
    assert [resolved(registry, version)[2] for version in (FIRST, SECOND)] == [True, False]
    assert dict(tx.events["NameRestored"]) == {"nameId": registry.nameIdOf(NAME)}
