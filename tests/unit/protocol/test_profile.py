"""The node profile: what is left out keeps digests that were signed before there was such a field."""

from marketplace.protocol.profile import NodeProfile

NODE = {"region": "eu", "cpu": {"architecture": "x86_64", "cores": 4}, "memoryMb": 8_000, "diskMb": 100}


def test_profile_that_names_no_registry_has_the_form_and_digest_that_it_had_before_there_were_any():
    plain = NodeProfile.parse(NODE)
    assert "registries" not in plain.to_json()
    assert plain.digest() == NodeProfile.parse(NODE | {"registries": []}).digest()


def test_registries_are_covered_by_the_digest_and_read_back():
    profile = NodeProfile.parse(NODE | {"registries": ["r.example"]})
    assert profile.digest() != NodeProfile.parse(NODE).digest()
    assert NodeProfile.parse(profile.to_json()) == profile
