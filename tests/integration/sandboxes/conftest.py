"""One engine for all tests of containers; where none can be started they are skipped, and say why."""

import pytest

from agent.adapters.gpus import GpuPool
from agent.containers.cache import ImageCache
from agent.containers.engine import Engine
from scripts.container_engine import missing, running_engine, shell_image

AGENT = "computehive-test"


@pytest.fixture(scope="session")
def engine_address(tmp_path_factory):
    reason = missing()
    if reason:
        pytest.skip(reason)
    with running_engine(tmp_path_factory.mktemp("engine")) as address:
        yield address


@pytest.fixture(scope="session")
def engine(engine_address):
    engine = Engine(engine_address, AGENT)
    yield engine
    engine.sweep()
    engine.close()


@pytest.fixture(scope="session")
def shell(engine):
    """The id of the image with a shell, loaded."""
    archive, image = shell_image()
    assert engine.load(archive) == image, "an image is named by what is in it"
    return image


@pytest.fixture
def docker_adapter(engine, tmp_path):
    from agent.adapters.docker import DockerAdapter

    return DockerAdapter(engine, AGENT, ImageCache(engine, tmp_path / "images.json", 1_000), GpuPool([]))
