"""Images in the engine between jobs: within a quota, and never less than what a job is about to run."""

import threading
import time

import docker

from agent.containers.cache import ImageCache
from agent.containers.order import Order
from agent.containers.run import run_container
from agent.containers.sources import load_archive
from agent.sandbox import Limits
from marketplace.protocol.canonical import sha256_digest
from marketplace.protocol.enums import ExitKind
from marketplace.protocol.jobspec import ContainerProgram
from scripts.container_engine import shell_image
from tests.integration.sandboxes.conftest import AGENT

LIMITS = Limits(fuel=0, memory_bytes=64_000_000, wall_seconds=20, egress_bytes=1_000_000)


def load(engine, archive, note=lambda digest: None):
    program = ContainerProgram(digest=sha256_digest(archive), size=len(archive))

    def fetch(digest):
        note(digest)
        return archive

    return load_archive(engine, program, fetch)


def keep(cache, engine, archive, note=lambda digest: None):
    """The image of an archive, in the cache and not in use."""
    with cache.hold(sha256_digest(archive), lambda: load(engine, archive, note)) as image:
        return image


def test_image_cache_keeps_to_its_quota_and_never_drops_the_providers_own(engine, engine_address, tmp_path):
    client = docker.DockerClient(base_url=engine_address)
    own = engine.load(shell_image({"Env": ["OWN=1"]})[0])
    client.images.get(own).tag("provider/own", "latest")
    clock = iter(range(100))
    cache = ImageCache(engine, tmp_path / "images.json", 4, now=lambda: next(clock))
    archives = [shell_image({"Env": [f"N={n}"]})[0] for n in range(3)] + [shell_image({"Env": ["OWN=1"]})[0]]
    images = [keep(cache, engine, one) for one in archives]
    assert [engine.has_image(image) for image in images] == [False, False, True, True]
    for archive in archives[:3]:
        keep(cache, engine, archive)
    assert engine.has_image(own) and client.images.get("provider/own:latest").id == own
    client.images.remove("provider/own:latest", force=True)
    client.close()


def test_image_cache_remembers_across_restarts_and_fetches_again_what_is_gone(engine, tmp_path):
    archive, fetched = shell_image({"Env": ["REMEMBERED=1"]})[0], []

    def get():
        return keep(ImageCache(engine, tmp_path / "images.json", 1_000), engine, archive, fetched.append)

    image = get()
    assert (get(), len(fetched)) == (image, 1)
    assert engine.drop_image(image)
    assert get() == image
    (tmp_path / "images.json").write_text("{]")
    assert get() == image
    assert len(fetched) == 3


def test_image_that_a_job_has_found_stays_until_it_has_run_whatever_the_quota(engine, tmp_path):
    clock = iter(range(100))
    cache = ImageCache(engine, tmp_path / "images.json", 2, now=lambda: next(clock))
    mine, others, more = (shell_image({"Env": [f"HELD={n}"]})[0] for n in range(3))
    with cache.hold(sha256_digest(mine), lambda: load(engine, mine)) as image:
        keep(cache, engine, others)
        done = run_container(engine, AGENT, Order(image, ["echo $HELD"], {}, {}), LIMITS, None)
        assert (done.exit_kind, done.stdout) == (ExitKind.EXITED, b"0\n")
    keep(cache, engine, more)
    assert not engine.has_image(image), "once nobody holds it, the quota counts again"


def test_image_that_two_archives_hold_stays_while_a_job_of_either_runs(engine, tmp_path):
    clock = iter(range(100))
    cache = ImageCache(engine, tmp_path / "images.json", 2, now=lambda: next(clock))
    archive = shell_image({"Env": ["TWICE=1"]})[0]
    again = archive + bytes(10_240)  # zeros at the end of a tar are no part of the image
    keep(cache, engine, archive)
    with cache.hold(sha256_digest(again), lambda: load(engine, again)) as image:
        keep(cache, engine, shell_image({"Env": ["TWICE=other"]})[0])
        assert engine.has_image(image)


def test_jobs_that_want_the_same_image_at_once_fetch_it_once(engine, tmp_path):
    cache, fetched = ImageCache(engine, tmp_path / "images.json", 1_000), []
    archive = shell_image({"Env": ["SHARED=1"]})[0]

    def fetch(digest):
        fetched.append(digest)
        time.sleep(0.3)

    threads = [threading.Thread(target=keep, args=(cache, engine, archive, fetch)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(fetched) == 1
