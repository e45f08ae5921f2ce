"""From one version to another by hand: at once, or once the daemon that works here has left in order."""

import pytest

from agent.drain import NOTE
from agent.journal import Journal
from agent.lock import hold_folder
from agent.update.handover import hand_over
from agent.update.keeper import SUPERVISED
from marketplace.errors import ConflictError


def test_a_switch_is_made_at_once_where_no_daemon_works(tmp_path, two):
    assert hand_over(two, "0.2.0", tmp_path)
    assert two.current == "0.2.0"
    assert (two.root / "trial").exists()
    assert hand_over(two, "0.1.0", tmp_path)
    assert not (two.root / "trial").exists(), "back to one that has worked"


def test_a_supervised_daemon_is_asked_to_leave_first(tmp_path, two):
    journal = Journal(tmp_path / "provider.sqlite")
    journal.record_note(SUPERVISED, True)
    with hold_folder(tmp_path, "provider"):
        assert not hand_over(two, "0.2.0", tmp_path)
        assert journal.note(NOTE)["successor"] == "0.2.0"
        with pytest.raises(ConflictError, match="leaves already"):
            hand_over(two, "0.2.0", tmp_path)
    journal.close()
    assert two.current == "0.1.0"


def test_a_daemon_that_nothing_would_start_again_is_left_alone(tmp_path, two):
    journal = Journal(tmp_path / "provider.sqlite")
    journal.record_note(SUPERVISED, False)
    with hold_folder(tmp_path, "provider"), pytest.raises(ConflictError, match="nothing would start it again"):
        hand_over(two, "0.2.0", tmp_path)
    assert journal.note(NOTE) is None
    journal.close()
