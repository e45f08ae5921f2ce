"""Where the agent goes for an image, and where no registry can send it."""

import pytest

from agent.containers.registries import Repository, ping
from marketplace.errors import AgentError, NotFound, TooLarge
from marketplace.protocol.images import parse_image
from tests.unit.agent.containers.played_registry import Answer, digest_of, played_registry, tar_of

ONE = tar_of({"bin/program": b"x" * 5_000})


# --- where the agent goes ---------------------------------------------------------------------------------------------


def test_registry_that_the_provider_does_not_allow_is_not_even_asked(registry, fetch):
    with pytest.raises(AgentError, match=f"{registry.host} is none that this machine's provider allows"):
        fetch(registry.add_image([ONE]), allowed=[registry.host + "0", "127.0.0.1", registry.host.partition(":")[0]])
    assert registry.asked == []


@pytest.mark.parametrize(
    "place",
    ["http://169.254.169.254/latest/meta-data", "https://127.0.0.1:1/x", "//127.0.0.1:1/x", "file:///etc/passwd",
     "http://user@{host}/x", "https://{host}/x", "http://{host}:1/", "http://[::1", ""],
)  # fmt: skip
def test_registry_cannot_send_the_agent_to_where_the_provider_does_not_allow(registry, fetch, place):
    program = registry.add_image([ONE])
    path = f"/v2/team/tool/blobs/{digest_of(ONE)}"
    registry.answers[path] = [Answer(status=307, headers={"Location": place.format(host=registry.host)})]
    with pytest.raises(AgentError, match=r"sends the agent|Invalid URL"):
        fetch(program)


def test_registry_may_send_the_agent_to_another_host_that_is_allowed_and_the_token_stays_at_home(registry, fetch):
    program = registry.add_image([ONE])
    blob = f"/v2/team/tool/blobs/{digest_of(ONE)}"
    realm = f'Bearer realm="http://{registry.host}/token",service="s",scope="repository:team/tool:pull"'
    asks = Answer(status=401, headers={"WWW-Authenticate": realm})
    with played_registry() as storage:
        storage.answers["/bytes"] = [Answer(ONE)]
        registry.answers["/token"] = [Answer(b'{"token": "t0ken"}')]
        registry.answers[blob] = [asks, Answer(status=302, headers={"Location": f"http://{storage.host}/bytes"})]
        assert fetch(program, allowed=[registry.host, storage.host])
        assert registry.paths("/token") == ["/token?service=s&scope=repository%3Ateam%2Ftool%3Apull"]
        assert [headers.get("Authorization") for path, headers in registry.asked if path == blob] == [
            None, "Bearer t0ken",
        ]  # fmt: skip
        ((_, headers),) = storage.asked
        assert "Authorization" not in headers


@pytest.mark.parametrize(
    "challenge",
    ['Bearer realm="http://169.254.169.254/token"', "Basic realm=x", "", 'Bearer realm="http://[::1"'],
)
def test_registry_cannot_have_the_token_fetched_elsewhere_or_ask_for_a_password(registry, fetch, challenge):
    program = registry.add_image([ONE])
    path = f"/v2/team/tool/manifests/sha256:{program.digest.removeprefix('0x')}"
    registry.answers[path] = [Answer(status=401, headers={"WWW-Authenticate": challenge})]
    with pytest.raises(AgentError, match=r"sends the agent|without a password"):
        fetch(program)


@pytest.mark.parametrize("token", [b"{}", b"[]", b"no", b'{"token": "a\\r\\nX: y"}', b"x" * 70_000])
def test_token_that_is_none_is_refused(registry, fetch, token):
    program = registry.add_image([ONE])
    path = f"/v2/team/tool/manifests/sha256:{program.digest.removeprefix('0x')}"
    challenge = f'Bearer realm="http://{registry.host}/token"'
    registry.answers[path] = [Answer(status=401, headers={"WWW-Authenticate": challenge})]
    registry.answers["/token"] = [Answer(token)]
    with pytest.raises((AgentError, TooLarge)):
        fetch(program)


def test_circle_of_redirects_ends(registry, fetch):
    program = registry.add_image([ONE])
    path = f"/v2/team/tool/blobs/{digest_of(ONE)}"
    registry.answers[path] = [Answer(status=302, headers={"Location": path})]
    with pytest.raises(AgentError, match="on and on"):
        fetch(program)
    assert len(registry.paths(path)) < 10


# --- registries that fail ---------------------------------------------------------------------------------------------


def test_registry_that_is_busy_is_asked_again_and_not_for_ever(registry, fetch):
    program = registry.add_image([ONE])
    path = f"/v2/team/tool/blobs/{digest_of(ONE)}"
    busy, broken = Answer(status=503), Answer(ONE[:100], headers={"Content-Length": str(len(ONE))})
    registry.answers[path] = [busy, broken, Answer(ONE)]
    assert fetch(program)
    registry.answers[path] = [busy]
    with pytest.raises(AgentError, match="it answers 503"):
        fetch(program)
    assert len(registry.paths(path)) == 6


@pytest.mark.parametrize(("status", "error"), [(404, NotFound), (403, AgentError), (418, AgentError)])
def test_refusal_of_the_registry_is_said_and_not_asked_for_again(registry, fetch, status, error):
    program = registry.add_image([ONE])
    path = f"/v2/team/tool/manifests/sha256:{program.digest.removeprefix('0x')}"
    registry.answers[path] = [Answer(status=status)]
    with pytest.raises(error, match="team/tool@sha256"):
        fetch(program)
    assert len(registry.asked) == 1


def test_registry_that_is_not_there_is_the_machines_trouble_with_its_name(fetch):
    program = parse_image(f"127.0.0.1:1/team/tool@sha256:{'0' * 64}")
    with pytest.raises(AgentError, match=r"does not give 127\.0\.0\.1:1/team/tool"):
        fetch(program, allowed=["127.0.0.1:1"])
    with pytest.raises(AgentError, match="does not answer"):
        ping("127.0.0.1:1")


def test_ping_tells_a_registry_from_another_server(registry):
    with pytest.raises(AgentError, match="answers 404"):
        ping(registry.host)
    registry.answers["/v2/"] = [Answer(status=401)]
    ping(registry.host)


@pytest.mark.parametrize(
    ("host", "base"),
    [("registry.example.org", "https://registry.example.org/v2/a/"), ("docker.io", "https://registry-1.docker.io/v2/a/"),
     ("127.0.0.1:5000", "http://127.0.0.1:5000/v2/a/"), ("localhost:5000", "http://localhost:5000/v2/a/"),
     ("127.0.0.1.example.org", "https://127.0.0.1.example.org/v2/a/"), ("10.0.0.1", "https://10.0.0.1/v2/a/")],
)  # fmt: skip
def test_registries_are_asked_over_tls_but_for_the_loopback(host, base):
    repository = Repository(parse_image(f"{host}/a@sha256:{'0' * 64}"), [host])
    assert str(repository._base) == base


@pytest.mark.parametrize("host", ["registry.example.org", "registry.example.org:443", "127.0.0.1:80"])
def test_port_that_a_scheme_has_anyway_makes_no_other_host(host):
    program = parse_image(f"{host}/a@sha256:" + "1" * 64)
    with Repository(program, [host]) as repository:
        base = repository._base
        assert repository._permitted(base.join("blobs/x")).netloc == base.netloc
        with pytest.raises(AgentError, match="sends the agent"):
            repository._permitted(base.copy_with(port=444))
