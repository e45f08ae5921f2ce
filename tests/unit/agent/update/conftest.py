"""A maker of releases, its server, and a machine that pins its root."""

import pytest

from agent.update.installation import Installation
from agent.update.source import Source
from tests.unit.agent.update.maker import NOW, Maker, lock_of, make_keys, pin_of, played_wheel, serve


@pytest.fixture(scope="session")
def keys(tmp_path_factory):
    """Keys are encrypted at some cost: made once."""
    folder = tmp_path_factory.mktemp("keys")
    return folder, make_keys(folder)


@pytest.fixture
def wheels(tmp_path):
    """Played wheels by version, with a lock that needs nothing."""
    lock = tmp_path / "lock"
    lock.mkdir()

    def make(version, **options):
        return played_wheel(tmp_path / "wheels", version, **options), lock_of(lock)

    return make


@pytest.fixture
def maker(tmp_path, keys, wheels):
    """Version 0.2.0 is published."""
    made = Maker(tmp_path / "maker", *keys)
    made.found()
    made.release(*wheels("0.2.0"))
    return made


@pytest.fixture
def served(maker):
    with serve(maker.repository.public) as found:
        yield found


@pytest.fixture
def pin(maker, served, tmp_path):
    return pin_of(maker, served, tmp_path)


@pytest.fixture
def look(pin, tmp_path):
    """One look at the repository, as another process would take it: the release, its files fetched."""

    def newest(now=NOW, seconds=30.0, fetched=False):
        source = Source(pin, tmp_path / "machine", lambda: now, seconds)
        try:
            release = source.newest()
            return (release, *source.fetch(release)) if fetched else release
        finally:
            source.close()

    return newest


@pytest.fixture
def two(tmp_path):
    """An installation of 0.1.0 with 0.2.0 prepared; nothing in either."""
    made = Installation.make(tmp_path / "app")
    for version in ("0.1.0", "0.2.0"):
        made.folder_of(version).mkdir()
        made.mark_ready(version)
    made.switch_to("0.1.0", is_on_trial=False)
    return made
