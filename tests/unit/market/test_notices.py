"""Notices come over the same address as everything else, and no password gets into the log."""

import psycopg
import pytest
from sqlalchemy import make_url
from structlog.testing import capture_logs

from marketplace.adapters.store.changes import Changes, _told
from marketplace.adapters.store.engines import url_of
from tests.fakes.databases import POSTGRES, database_at, needs_postgres

pytestmark = needs_postgres


def test_a_password_with_spaces_is_one(tmp_path):
    url = make_url(database_at(tmp_path, POSTGRES)).set(password="my secret = 'word")
    with capture_logs() as lines:
        changes = Changes(url_of(url.render_as_string(hide_password=False)))
        try:
            assert changes.subscribe("outbox").wait(20), "once it listens it looks"
        finally:
            changes.close()
    assert not lines


def test_an_address_that_cannot_be_read_is_not_told():
    with pytest.raises(psycopg.ProgrammingError, match="secret") as caught:
        psycopg.connect("postgresql://market:my secret@db/hive")
    assert _told(caught.value) == "ProgrammingError"


def test_why_the_server_does_not_answer_is_told(tmp_path):
    with pytest.raises(psycopg.OperationalError) as caught:
        psycopg.connect(host=str(tmp_path), dbname="hive")
    assert str(tmp_path) in _told(caught.value)
