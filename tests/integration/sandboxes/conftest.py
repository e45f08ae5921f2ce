"""One engine for all tests of containers; where none can be started they are skipped, and say why."""

import pytest

from agent.adapters.gpus import GpuPool
from agent.containers.cache import ImageCache
from agent.containers.engine import Engine
from marketplace.errors import AgentError
from scripts.container_engine import GVISOR, missing, running_engine, shell_image
from scripts.container_registry import missing as missing_registry
from scripts.container_registry import running_registry

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
def gvisor_engine(engine_address):
    """The same engine, with gVisor between a job and the machine's kernel."""
    try:
        engine = Engine(engine_address, AGENT, GVISOR)
    except AgentError as error:
        pytest.skip(f"no gVisor: {error.message} {error.hint} (apt install runsc)")
    yield engine
    engine.sweep()
    engine.close()


@pytest.fixture(scope="module")
def registry(tmp_path_factory):
    reason = missing_registry()
    if reason:
        pytest.skip(reason)
    with running_registry(tmp_path_factory.mktemp("registry")) as host:
        yield host


@pytest.fixture(scope="session")
def shell(engine):
    """The id of the image with a shell, loaded."""
    archive, image = shell_image()
    assert engine.load(archive) == image, "an image is named by what is in it"
    return image


@pytest.fixture
def docker_adapter(engine, tmp_path):
    return adapter_on(engine, tmp_path)


@pytest.fixture
def gvisor_adapter(gvisor_engine, tmp_path):
    return adapter_on(gvisor_engine, tmp_path)


def adapter_on(engine, folder):
    from agent.adapters.docker import DockerAdapter

    return DockerAdapter(engine, AGENT, ImageCache(engine, folder / "images.json", 1_000), GpuPool([]))
