"""Containers as somebody types them: an archive of `docker save`, and an image in a registry."""

import re
import time

import docker
import pytest

from marketplace.cli.localmarket import LocalMarket, ProviderPlan
from marketplace.client.keystore import LIGHT_SCRYPT_N, create_keystore
from scripts.container_engine import shell_image
from scripts.container_registry import push
from tests.integration.local import PROVIDER, RATES, RENTER, USDC, plan
from tests.integration.test_cli import User

pytestmark = pytest.mark.timeout(280)
PASSWORD = "a password of the tests"
BOUGHT = ("--seconds", "60", "--memory", "256", "--egress", "2", "--yes")


@pytest.fixture(scope="module")
def market(tmp_path_factory, engine_address, registry):
    settings = {"CONTAINER_ENGINE": engine_address, "REGISTRIES": registry}
    people = plan(providers=[ProviderPlan(PROVIDER, "eu", 4, 50 * USDC, RATES, settings=settings)])
    with LocalMarket(people, tmp_path_factory.mktemp("market")) as market:
        market.start()
        yield market


@pytest.fixture(scope="module")
def user(market, tmp_path_factory):
    """The renter, at a terminal."""
    home, folder = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("work")
    (home / "keystores").mkdir()
    create_keystore(home / "keystores" / "default.json", PASSWORD, key=market.keys[RENTER], scrypt_n=LIGHT_SCRYPT_N)
    (home / "password").write_text(PASSWORD)
    (home / "config.toml").write_text(f'url = "{market.url}"\n')
    (folder / "data.csv").write_text("a,b\n1,2\n")
    return User(home, folder)


def hive(user, *arguments, ok=True):
    return user.hive(*arguments, ok=ok, COMPUTEHIVE_PASSWORD_FILE=str(user.home / "password"))


@pytest.fixture(scope="module")
def saved(engine, engine_address, user):
    """An image of the engine, written out by the engine itself: `docker save NAME`."""
    image = engine.load(shell_image({"Env": ["PATH=/bin", "SAVED=yes"]})[0])
    client = docker.DockerClient(base_url=engine_address)
    client.images.get(image).tag("somebody/tool", "1")
    path = user.folder / "image.tar"
    path.write_bytes(b"".join(client.images.get("somebody/tool:1").save(named=True)))
    client.images.remove("somebody/tool:1")
    client.close()
    return path.name


def test_saved_image_runs_and_its_result_is_accepted_and_paid(user, saved):
    script = "echo $SAVED; cat /in/data.csv > /out/copy"
    ran = hive(user, "run", saved, "--input", "data.csv", "--arg", script, "-o", "result", *BOUGHT)
    assert ran.stdout == "yes\n"
    assert (user.folder / "result" / "out" / "copy").read_text() == "a,b\n1,2\n"
    job = re.search(r"`hive accept (\S+)`", ran.stderr)
    assert job, ran.stderr
    hive(user, "accept", job[1], "--yes")
    until = time.monotonic() + 60
    while (state := user.json("status", job[1])["state"]) != "paid" and time.monotonic() < until:
        time.sleep(0.5)
    assert state == "paid"


def test_image_of_a_registry_is_run_by_its_digest(user, engine, engine_address, registry):
    image = engine.load(shell_image({"Env": ["PATH=/bin", "PUSHED=yes"]})[0])
    digest = push(engine_address, image, registry, "team/shell")
    ran = hive(user, "run", f"{registry}/team/shell@{digest}", "--arg", "echo $PUSHED", *BOUGHT)
    assert (ran.stdout, "hive accept" in ran.stderr) == ("yes\n", True)


def test_image_of_a_registry_that_no_provider_allows_is_matched_nowhere_and_the_quote_says_why(user):
    ran = hive(user, "quote", f"registry.example.org/team/shell@sha256:{'0' * 64}")
    assert "registry" in ran.stdout
    assert "registry" in user.refused(6, "run", f"registry.example.org/team/shell@sha256:{'0' * 64}", "--yes")


def test_image_without_a_digest_is_refused_with_how_to_name_it(user):
    assert "HOST[:PORT]/NAME@sha256:DIGEST" in user.refused(2, "run", "registry.example.org/team/shell:latest", "--yes")
