"""publish(name, version, digest, metadataDigest, metadataUri): the first claims the name, no digest ever changes."""

import itertools

import pytest

from tests.contracts.ModuleRegistry.words import (
    DIGEST,
    FIRST,
    LONGEST_TEXT,
    METADATA,
    NAME,
    NO_TEXTS,
    NO_VERSION,
    NOTHING,
    SECOND,
    THIRD,
    UINT64_MAX,
    URI,
    digest_of,
    latest_of,
    module_of,
    publish,
    release_of,
    reverts_with,
)
from tests.contracts.world import project

# --- names -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["", "a", "ab", "x" * 33, "x" * 1_000])
def test_publish_under_a_name_of_a_wrong_length_reverts(registry, alice, name):
    with reverts_with("NameLength", len(name)):
        publish(registry, alice, name=name)


@pytest.mark.parametrize(
    ("name", "index", "character"),
    [
        ("Abc", 0, "A"),
        ("abC", 2, "C"),
        ("a_b", 1, "_"),
        ("a b", 1, " "),
        ("a.b", 1, "."),
        ("pub/name", 3, "/"),
        ("name@1", 4, "@"),
        ("abc`", 3, "`"),
        ("abc{", 3, "{"),
        ("abc:", 3, ":"),
        ("abc\0", 3, "\0"),
        ("раypal", 0, "\xd1"),
        ("-abc", 0, "-"),
        ("abc-", 3, "-"),
        ("a--b", 2, "-"),
        ("---", 0, "-"),
    ],
)
def test_publish_under_a_name_with_a_wrong_character_reverts(registry, alice, name, index, character):
    with reverts_with("NameCharacter", index, character.encode("latin-1")):
        publish(registry, alice, name=name)


@pytest.mark.parametrize("name", ["abc", "000", "a-b", "a-1-b-2", "x" * 32, "latest"])
def test_publish_under_a_well_formed_name_claims_it(registry, alice, name):
    tx = publish(registry, alice, name=name)
    claimed = {"nameId": registry.nameIdOf(name), "owner": alice, "name": name}
    assert dict(tx.events["NameClaimed"]) == claimed
    assert module_of(registry, name) == {
        "name": name,
        "owner": alice,
        "pendingOwner": "0x" + "00" * 20,
        "claimedAt": tx.timestamp,
        "deprecated": False,
        "releaseCount": 1,
        "latest": FIRST,
        "warning": "",
    }


LOOK_ALIKES = [
    ("google", "g00gle"),
    ("google", "goog1e"),
    ("google", "goo-gle"),
    ("log-in", "login"),
    ("mail-it", "mall-lt"),
    ("modern", "modem"),
    ("wasm-run", "vvasm-run"),
    ("base-tool", "ba5e-too1"),
    ("zlib-8", "2lib-b"),
]


@pytest.mark.parametrize(("name", "other"), LOOK_ALIKES + [(second, first) for first, second in LOOK_ALIKES])
def test_publish_under_a_name_that_looks_like_anothers_reverts(registry, alice, bob, name, other):
    publish(registry, alice, name=name)
    with reverts_with("NameLooksTaken", other, name):
        publish(registry, bob, name=other)


def test_publish_under_a_name_that_looks_like_ones_own_reverts(registry, alice):
    publish(registry, alice, name="google")
    with reverts_with("NameLooksTaken", "go0gle", "google"):
        publish(registry, alice, name="go0gle")


def test_a_look_alike_stays_refused_after_the_name_was_deprecated_and_transferred(registry, alice, bob, carol):
    publish(registry, alice, name="google")
    registry.deprecateName("google", "gone", {"from": alice})
    registry.transferName("google", bob, {"from": alice})
    registry.acceptName("google", {"from": bob})
    for account in (alice, bob, carol):
        with reverts_with("NameLooksTaken", "goog1e", "google"):
            publish(registry, account, name="goog1e")


def test_names_that_do_not_look_alike_are_free(registry, alice, bob):
    publish(registry, alice, name="llama-3")
    publish(registry, bob, name="llama-4")
    assert [module_of(registry, name)["owner"] for name in ("llama-3", "llama-4")] == [alice, bob]


# --- who -------------------------------------------------------------------------------------------------------------


def test_publish_under_a_name_of_another_reverts(registry, world, alice):
    publish(registry, alice)
    for caller in (world.deployer, world.governor, world.operator, world.stranger):
        with reverts_with("NotNameOwner", caller, alice):
            publish(registry, caller, SECOND)


def test_publish_by_whom_the_name_was_only_offered_to_reverts(registry, alice, bob):
    publish(registry, alice)
    registry.transferName(NAME, bob, {"from": alice})
    with reverts_with("NotNameOwner", bob, alice):
        publish(registry, bob, SECOND)


def test_publish_under_a_deprecated_name_reverts_until_it_is_restored(registry, alice):
    publish(registry, alice)
    registry.deprecateName(NAME, "gone", {"from": alice})
    with reverts_with("NameIsDeprecated", NAME):
        publish(registry, alice, SECOND)
    registry.restoreName(NAME, {"from": alice})
    publish(registry, alice, SECOND)


def test_a_smart_account_publishes_as_itself(registry, world):
    account = world.stranger.deploy(project().SmartAccount, world.stranger)
    call = registry.publish.encode_input(NAME, FIRST, DIGEST, METADATA, URI)
    account.execute(registry, call, {"from": world.stranger})
    assert release_of(registry)["publisher"] == module_of(registry)["owner"] == account
    with reverts_with("NotNameOwner", world.stranger, account):
        publish(registry, world.stranger, SECOND)


# --- what ------------------------------------------------------------------------------------------------------------


def test_publish_of_version_zero_reverts(registry, alice):
    with reverts_with("VersionIsZero"):
        publish(registry, alice, NO_VERSION)


@pytest.mark.parametrize("digest", [DIGEST, digest_of(1)])
def test_publish_of_a_version_once_more_reverts(registry, alice, digest):
    publish(registry, alice)
    with reverts_with("VersionExists", NAME, *FIRST):
        publish(registry, alice, digest=digest)


def test_publish_of_a_deprecated_version_once_more_reverts(registry, alice):
    publish(registry, alice)
    registry.deprecate(NAME, FIRST, "broken", {"from": alice})
    with reverts_with("VersionExists", NAME, *FIRST):
        publish(registry, alice, digest=digest_of(1))
    assert release_of(registry)["digest"] == DIGEST


def test_publish_of_an_earlier_owners_version_once_more_reverts(registry, alice, bob):
    publish(registry, alice)
    registry.transferName(NAME, bob, {"from": alice})
    registry.acceptName(NAME, {"from": bob})
    with reverts_with("VersionExists", NAME, *FIRST):
        publish(registry, bob, digest=digest_of(1))


def test_publish_without_a_digest_reverts_and_claims_nothing(registry, alice, bob):
    with reverts_with("DigestIsZero"):
        publish(registry, alice, digest=NOTHING)
    publish(registry, bob)
    assert module_of(registry)["owner"] == bob


def test_publish_with_a_longer_uri_than_allowed_reverts(registry, alice):
    with reverts_with("TextTooLong", LONGEST_TEXT + 1, LONGEST_TEXT):
        registry.publish(NAME, FIRST, DIGEST, METADATA, "x" * (LONGEST_TEXT + 1), {"from": alice})
    registry.publish(NAME, FIRST, DIGEST, METADATA, "x" * LONGEST_TEXT, {"from": alice})
    assert release_of(registry)["metadataUri"] == "x" * LONGEST_TEXT


@pytest.mark.parametrize(("text", "index", "character"), NO_TEXTS)
def test_publish_with_a_uri_that_is_not_printable_ascii_reverts(registry, alice, text, index, character):
    with reverts_with("TextCharacter", index, character):
        registry.publish(NAME, FIRST, DIGEST, METADATA, text, {"from": alice})


def test_publish_stores_and_announces_everything(registry, alice):
    tx = publish(registry, alice)
    assert release_of(registry) == {
        "version": FIRST,
        "digest": DIGEST,
        "metadataDigest": METADATA,
        "publisher": alice,
        "publishedAt": tx.timestamp,
        "deprecated": False,
        "metadataUri": URI,
        "warning": "",
    }
    assert dict(tx.events["ReleasePublished"]) == {
        "nameId": registry.nameIdOf(NAME),
        "digest": DIGEST,
        "publisher": alice,
        "major": 1,
        "minor": 0,
        "patch": 0,
        "metadataDigest": METADATA,
        "metadataUri": URI,
    }


def test_publish_without_metadata_succeeds(registry, alice):
    registry.publish(NAME, FIRST, DIGEST, NOTHING, "", {"from": alice})
    assert (release_of(registry)["metadataDigest"], release_of(registry)["metadataUri"]) == (NOTHING, "")


def test_a_second_version_claims_nothing(registry, alice):
    publish(registry, alice)
    tx = publish(registry, alice, SECOND)
    assert "NameClaimed" not in tx.events
    assert registry.moduleCount() == 1


def test_one_digest_may_have_several_versions_and_names(registry, alice, bob):
    publish(registry, alice)
    publish(registry, alice, SECOND)
    publish(registry, bob, name="other")
    assert {release_of(registry, SECOND)["digest"], release_of(registry, name="other")["digest"]} == {DIGEST}


def test_the_greatest_version_there_is_can_be_published(registry, alice):
    greatest = (UINT64_MAX, UINT64_MAX, UINT64_MAX)
    publish(registry, alice, greatest)
    publish(registry, alice, (0, 0, 1))
    assert latest_of(registry) == greatest
    assert release_of(registry, greatest)["version"] == greatest


@pytest.mark.parametrize("order", itertools.permutations([FIRST, SECOND, THIRD]))
def test_latest_is_the_greatest_in_whatever_order_versions_are_published(registry, alice, order):
    for count, version in enumerate(order, 1):
        publish(registry, alice, version)
        assert latest_of(registry) == max(order[:count])


def test_a_release_costs_no_more_gas_after_many_others(registry, alice):
    publish(registry, alice)
    used = [publish(registry, alice, (1, 0, patch)).gas_used for patch in range(1, 25)]
    assert max(used[1:]) - min(used[1:]) < 1_000
    assert max(used) < 250_000


def test_no_function_is_anybodys_but_a_names_owners(registry):
    mutating = {item["name"] for item in registry.abi if item.get("stateMutability") in ("nonpayable", "payable")}
    assert mutating == {"publish", "deprecate", "deprecateName", "restoreName", "transferName", "acceptName"}
