"""resolve, latest, release, releases, module, modules, lookAlikeOf: what is there, in pages, and clear refusals."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.contracts.ModuleRegistry.words import (
    DIGEST,
    FIRST,
    NAME,
    SECOND,
    digest_of,
    module_of,
    plain,
    publish,
    release_of,
    resolved,
    reverts_with,
)
from tests.contracts.world import UINT256_MAX

NAMES = ["first", "second", "third", "fourth", "fifth"]


@pytest.mark.parametrize("view", ["latest", "module"])
def test_a_view_of_an_unknown_name_reverts(registry, view):
    with reverts_with("UnknownName", NAME):
        getattr(registry, view)(NAME)


def test_resolve_of_an_unknown_name_reverts_even_if_it_looks_like_a_known_one(registry, alice):
    publish(registry, alice, name="google")
    for view in (registry.resolve, registry.release):
        with reverts_with("UnknownName", "goog1e"):
            view("goog1e", FIRST)


@pytest.mark.parametrize("version", [(0, 0, 0), SECOND, (0, 1, 0), (0, 0, 1)])
def test_resolve_of_an_unknown_version_reverts(registry, alice, version):
    publish(registry, alice)
    for view in (registry.resolve, registry.release):
        with reverts_with("UnknownVersion", NAME, *version):
            view(NAME, version)


@pytest.mark.parametrize("view", ["latest", "module", "nameIdOf", "skeletonOf", "lookAlikeOf"])
def test_a_view_of_a_malformed_name_reverts(registry, view):
    with reverts_with("NameCharacter", 0, b"N"):
        getattr(registry, view)("NAME")
    with reverts_with("NameLength", 2):
        getattr(registry, view)("ab")


def test_resolve_gives_digest_publisher_and_whether_it_is_deprecated(registry, alice):
    publish(registry, alice)
    assert resolved(registry, FIRST) == (DIGEST, alice, False)


def test_look_alikes_are_named(registry, alice):
    assert registry.lookAlikeOf("goog1e") == ""
    publish(registry, alice, name="google")
    for name in ("goog1e", "google", "g-o-o-g-l-e"):
        assert registry.lookAlikeOf(name) == "google"
    assert registry.lookAlikeOf("goggle") == ""


def page_of(everything, offset, limit):
    """What a page must hold."""
    return everything[offset : offset + limit]


@pytest.fixture
def full(registry, alice, bob):
    """A registry of five names; the last has five versions more, not in order, one deprecated."""
    for name in NAMES:
        publish(registry, alice, name=name)
    for patch in (5, 3, 4, 1, 2):
        publish(registry, alice, (0, 0, patch), NAMES[-1], digest_of(patch))
    registry.deprecate(NAMES[-1], (0, 0, 4), "why", {"from": alice})
    return registry


pages = st.integers(0, 8) | st.just(UINT256_MAX)


@given(offset=pages, limit=pages)
def test_pages_of_modules_are_in_order_of_claiming(full, offset, limit):
    found = plain(full.modules(offset, limit))
    assert [entry[0] for entry in found] == page_of(NAMES, offset, limit)


@given(offset=pages, limit=pages)
def test_pages_of_releases_are_in_order_of_publication(full, offset, limit):
    versions = [FIRST, (0, 0, 5), (0, 0, 3), (0, 0, 4), (0, 0, 1), (0, 0, 2)]
    found = plain(full.releases(NAMES[-1], offset, limit))
    assert [entry[0] for entry in found] == page_of(versions, offset, limit)


def test_an_entry_of_a_page_is_what_is_there(full):
    assert full.moduleCount() == len(NAMES)
    for entry in plain(full.modules(0, 10)):
        assert entry == tuple(module_of(full, entry[0]).values())
    for entry in plain(full.releases(NAMES[-1], 0, 10)):
        assert entry == tuple(release_of(full, entry[0], NAMES[-1]).values())


def test_an_empty_registry_has_empty_pages(registry):
    assert (plain(registry.modules(0, 10)), registry.moduleCount()) == ((), 0)
    with reverts_with("UnknownName", NAME):
        registry.releases(NAME, 0, 10)
