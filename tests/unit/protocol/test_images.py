"""Names of images in registries: what is one, and what must never pass for one."""

import pytest

from marketplace.errors import InvalidJobSpec
from marketplace.protocol.images import MAX_IMAGE_BYTES, ImageProgram, is_reference, parse_image
from marketplace.protocol.jobspec import JobSpec

HEX = "ab" * 32
DIGEST = "0x" + HEX


def image(**changes) -> dict:
    fields = {"kind": "image", "registry": "registry.example.org", "repository": "team/tool", "digest": DIGEST}
    return {"sandbox": "docker", "program": fields | changes}


@pytest.mark.parametrize(
    "name",
    ["registry.example.org/team/tool", "localhost/a", "localhost:5000/a/b/c", "a:1/b",
     "127.0.0.1:5000/x-y_z.w__v--u/t0"],
)  # fmt: skip
def test_reference_by_digest_is_read_and_written_the_same(name):
    program = parse_image(f"{name}@sha256:{HEX}")
    assert program.reference == f"{name}@sha256:{HEX}"
    assert (program.digest, program.size) == (DIGEST, MAX_IMAGE_BYTES)


@pytest.mark.parametrize(
    "registry",
    [
        "docker", "Registry.example.org", "registry.example.org:0", "registry.example.org:65536", "-a.example",
        "a..example", "user@registry.example", "registry.example/x", "[::1]:5000", "registry.example.org:",
        "a_b.example",
        "registry.example\n", " registry.example", "registry.example#x", "registry.example?x", "regıstry.example",
        "x" * 61 + ".org", "--host.example",
    ],
)  # fmt: skip
def test_what_is_no_host_in_lower_case_is_refused(registry):
    with pytest.raises(InvalidJobSpec, match=r"program\.image\.registry"):
        JobSpec.parse(image(registry=registry))


@pytest.mark.parametrize(
    "repository",
    ["", "Tool", "/tool", "tool/", "a//b", "../tool", "a/../b", "tool:latest", "tool@sha256", "a b", "a%2e", "a?b=c",
     "a#b", "-rf", "tool\n", "a___b", "a..b", "x" * 256],
)  # fmt: skip
def test_what_is_no_name_of_the_distribution_specification_is_refused(repository):
    with pytest.raises(InvalidJobSpec, match=r"program\.image\.repository"):
        JobSpec.parse(image(repository=repository))


@pytest.mark.parametrize("changes", [{"digest": HEX}, {"digest": "latest"}, {"size": 0}, {"size": MAX_IMAGE_BYTES + 1}])
def test_image_is_named_by_a_digest_and_bounded(changes):
    with pytest.raises(InvalidJobSpec, match=rf"program\.image\.{next(iter(changes))}"):
        JobSpec.parse(image(**changes))


def test_tag_is_refused_also_beside_a_digest():
    with pytest.raises(InvalidJobSpec, match=r"has a tag\. Leave out the tag"):
        parse_image(f"registry.example.org/tool:1@sha256:{HEX}")


@pytest.mark.parametrize("text", [f"tool@sha256:{HEX}", "r.example/tool@sha256:abc", f"R.example/t@sha256:{HEX}"])
def test_text_that_is_no_reference_is_refused_with_what_was_expected(text):
    assert is_reference(text)
    with pytest.raises(InvalidJobSpec, match=r"expected HOST\[:PORT\]/NAME@sha256:DIGEST"):
        parse_image(text)


def test_paths_of_programs_are_no_references():
    assert not any(map(is_reference, ("script.py", "./a@b/image.tar", "registry.example.org/tool:latest")))


def test_image_runs_in_containers_and_is_nothing_that_the_market_holds():
    spec = JobSpec.parse(image(size=1_000))
    assert (spec.registry, spec.blob_digests(), spec.uploaded_program) == ("registry.example.org", (), None)
    assert spec.ingress_bytes == 1_000
    with pytest.raises(InvalidJobSpec, match="runs no program of kind 'image'"):
        JobSpec.parse(image() | {"sandbox": "wasm"})


def test_jobs_without_a_registry_name_none():
    program = {"kind": "container", "digest": DIGEST, "size": 5}
    spec = JobSpec.parse({"sandbox": "docker", "program": program})
    assert (spec.registry, spec.blob_digests(), spec.ingress_bytes) == ("", (DIGEST,), 5)


def test_reference_is_what_the_model_says():
    program = ImageProgram(registry="r.example", repository="a", digest=DIGEST)
    assert parse_image(program.reference) == program
