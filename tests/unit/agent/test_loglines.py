"""What the daemons say: short ids, nothing empty, money in USDC."""

from io import StringIO

import pytest
import structlog

from agent.earnings import tell_closed
from agent.follow import follow_leases
from agent.journal import Journal
from agent.loglines import configure_logging, tidy
from tests.unit.agent.test_journal import FakeChain, closed, mine, open_ids, opened

LEASE = "0x" + "14f38ec0" * 8


@pytest.fixture
def lines():
    stream = StringIO()
    configure_logging(stream)
    yield stream
    structlog.reset_defaults()


def test_a_line_has_no_empty_field_and_short_ids_also_in_sentences(lines):
    structlog.get_logger("x").info("job ended", lease=LEASE, exit="exited", code=0, detail="", why=None)
    said = lines.getvalue()
    assert "job ended" in said and "lease_id=0x14f38ec0…" in said and "exit=exited" in said and "code=0" in said
    assert "detail" not in said and "why" not in said and said.index("lease_id=") < said.index("exit=")
    assert tidy(None, "info", {"error": f"No lease {LEASE} yet."}) == {"error": "No lease 0x14f38ec0… yet."}


def test_a_provider_says_what_it_earned_once(lines, tmp_path):
    journal = Journal(tmp_path / "journal")
    chain = FakeChain([opened(1), opened(2, provider="other")], [closed(1, 2), closed(2, 2)])
    for _ in range(2):
        follow_leases(chain, journal, mine, tell_closed)
    (said,) = [line for line in lines.getvalue().splitlines() if "lease settled" in line]
    assert "earned=" in said and "USDC" in said and "by=" in said


def test_a_lease_that_closes_later_is_told_when_it_does(tmp_path):
    journal, told = Journal(tmp_path / "journal"), []
    chain = FakeChain([opened(1)])
    follow_leases(chain, journal, mine, told.append)
    assert told == [] and open_ids(journal) == [1]
    chain.blocks.append([closed(1, 2)])
    follow_leases(chain, journal, mine, told.append)
    follow_leases(chain, journal, mine, told.append)
    assert len(told) == 1 and open_ids(journal) == []


def test_a_traceback_shows_no_local_variables_as_keys_and_inputs_are_among_them(lines):
    hidden = "AGE-SECRET-KEY-" + "1" * 3
    try:
        raise RuntimeError(f"with {len(hidden)} characters")
    except RuntimeError as error:
        structlog.get_logger().error("failed", exc_info=error)
    assert "with 18 characters" in lines.getvalue() and hidden not in lines.getvalue()
