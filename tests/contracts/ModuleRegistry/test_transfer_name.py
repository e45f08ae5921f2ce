"""transferName(name, to) and acceptName(name): a name changes hands only when both hands move."""

from tests.contracts.ModuleRegistry.words import (
    DIGEST,
    FIRST,
    NAME,
    NOBODY,
    SECOND,
    module_of,
    publish,
    release_of,
    resolved,
    reverts_with,
)


def test_transfer_of_an_unknown_name_reverts(registry, alice, bob):
    with reverts_with("UnknownName", NAME):
        registry.transferName(NAME, bob, {"from": alice})


def test_transfer_by_another_than_the_owner_reverts(registry, world, alice):
    publish(registry, alice)
    for caller in (world.deployer, world.governor, world.stranger):
        with reverts_with("NotNameOwner", caller, alice):
            registry.transferName(NAME, caller, {"from": caller})


def test_transfer_by_whom_it_was_offered_to_reverts(registry, alice, bob, carol):
    publish(registry, alice)
    registry.transferName(NAME, bob, {"from": alice})
    with reverts_with("NotNameOwner", bob, alice):
        registry.transferName(NAME, carol, {"from": bob})


def test_a_transfer_is_an_offer_and_changes_no_owner(registry, alice, bob):
    publish(registry, alice)
    before = module_of(registry)
    tx = registry.transferName(NAME, bob, {"from": alice})
    assert module_of(registry) == {**before, "pendingOwner": bob}
    expected = {"nameId": registry.nameIdOf(NAME), "owner": alice, "pendingOwner": bob}
    assert dict(tx.events["NameOffered"]) == expected
    publish(registry, alice, SECOND)


def test_accept_of_an_unknown_name_reverts(registry, bob):
    with reverts_with("UnknownName", NAME):
        registry.acceptName(NAME, {"from": bob})


def test_accept_of_a_name_that_was_not_offered_reverts(registry, alice, bob):
    publish(registry, alice)
    for caller in (alice, bob):
        with reverts_with("NotPendingNameOwner", caller, NOBODY):
            registry.acceptName(NAME, {"from": caller})


def test_accept_of_a_name_offered_to_another_reverts(registry, alice, bob, carol):
    publish(registry, alice)
    registry.transferName(NAME, bob, {"from": alice})
    for caller in (alice, carol):
        with reverts_with("NotPendingNameOwner", caller, bob):
            registry.acceptName(NAME, {"from": caller})


def test_accept_of_an_offer_that_was_replaced_reverts(registry, alice, bob, carol):
    publish(registry, alice)
    registry.transferName(NAME, bob, {"from": alice})
    registry.transferName(NAME, carol, {"from": alice})
    with reverts_with("NotPendingNameOwner", bob, carol):
        registry.acceptName(NAME, {"from": bob})
    registry.acceptName(NAME, {"from": carol})
    assert module_of(registry)["owner"] == carol


def test_accept_of_an_offer_that_was_withdrawn_reverts(registry, alice, bob):
    publish(registry, alice)
    registry.transferName(NAME, bob, {"from": alice})
    registry.transferName(NAME, NOBODY, {"from": alice})
    with reverts_with("NotPendingNameOwner", bob, NOBODY):
        registry.acceptName(NAME, {"from": bob})


def test_accept_of_an_offer_twice_reverts(registry, alice, bob):
    publish(registry, alice)
    registry.transferName(NAME, bob, {"from": alice})
    registry.acceptName(NAME, {"from": bob})
    with reverts_with("NotPendingNameOwner", bob, NOBODY):
        registry.acceptName(NAME, {"from": bob})


def test_accept_moves_the_name_and_leaves_its_releases(registry, alice, bob):
    publish(registry, alice)
    before = module_of(registry)
    registry.transferName(NAME, bob, {"from": alice})
    tx = registry.acceptName(NAME, {"from": bob})
    assert module_of(registry) == {**before, "owner": bob}
    assert (release_of(registry)["publisher"], release_of(registry)["digest"]) == (alice, DIGEST)
    expected = {"nameId": registry.nameIdOf(NAME), "previousOwner": alice, "owner": bob}
    assert dict(tx.events["NameTransferred"]) == expected
    publish(registry, bob, SECOND)
    assert release_of(registry, SECOND)["publisher"] == bob
    with reverts_with("NotNameOwner", alice, bob):
        publish(registry, alice, (3, 0, 0))


def test_a_deprecated_name_can_be_handed_over_and_restored(registry, alice, bob):
    publish(registry, alice)
    registry.deprecateName(NAME, "nobody maintains this", {"from": alice})
    registry.transferName(NAME, bob, {"from": alice})
    registry.acceptName(NAME, {"from": bob})
    registry.restoreName(NAME, {"from": bob})
    assert resolved(registry, FIRST) == (DIGEST, alice, False)


def test_an_owner_may_offer_a_name_to_itself(registry, alice):
    publish(registry, alice)
    registry.transferName(NAME, alice, {"from": alice})
    registry.acceptName(NAME, {"from": alice})
    assert (module_of(registry)["owner"], module_of(registry)["pendingOwner"]) == (alice, NOBODY)
