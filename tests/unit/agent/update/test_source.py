"""Which releases are believed: each line of the table of threats, against a real repository over HTTP."""

import json
import shutil
import time

import pytest
from tuf.api.metadata import Metadata

from agent.update.seen import FILE_NAME, Seen, load_seen
from agent.update.source import Pin, Source
from marketplace.errors import AgentError, ServiceUnavailable, SettingsError, UpdateRejected
from scripts.release.repository import Repository
from tests.unit.agent.update.maker import DAY, NOW, Maker, serve


def metadata(served, name):
    return served.folder / "metadata" / name


def forge(path, change):
    """Change a signed document and leave its signatures."""
    document = json.loads(path.read_text())
    change(document["signed"])
    path.write_text(json.dumps(document))


def test_a_release_signed_by_enough_holders_is_offered_with_its_files(look, tmp_path):
    release, wheel, lock = look(fetched=True)
    assert release.version == "0.2.0"
    assert wheel.read_bytes() == (tmp_path / "wheels" / "computehive-0.2.0-py3-none-any.whl").read_bytes()
    assert lock.read_bytes() == b""


def test_what_was_verified_is_kept_with_the_time_until_which_it_holds(look, tmp_path):
    look()
    assert load_seen(tmp_path / "machine") == Seen("0.2.0", NOW, NOW + 7 * DAY)


def test_a_newer_release_is_found_at_the_next_look(maker, wheels, look):
    look()
    maker.release(*wheels("0.3.0"), now=NOW + DAY)
    assert look(NOW + DAY).version == "0.3.0"


def test_keys_can_be_replaced_by_who_held_them(maker, wheels, look):
    look()
    maker.found(now=NOW + 1, holders=("ann", "bea", "thief"))
    maker.release(*wheels("0.3.0"), now=NOW + 1)
    assert look(NOW + 2).version == "0.3.0"
    assert metadata_version(maker, "2.root.json") == 2


def metadata_version(maker, name):
    return Metadata.from_file(str(maker.repository.public / "metadata" / name)).signed.version


# --- forged, stolen ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["1.targets", "1.snapshot", "timestamp"])
def test_metadata_that_was_changed_is_refused(served, look, role):
    forge(metadata(served, f"{role}.json"), lambda signed: signed.update(expires="2090-01-01T00:00:00Z"))
    with pytest.raises(UpdateRejected, match="nothing that the pinned root vouches for"):
        look()


def test_a_file_that_was_changed_is_refused(served, look):
    (wheel,) = served.folder.glob("targets/*.whl")
    data = bytearray(wheel.read_bytes())
    data[-1] ^= 1
    wheel.write_bytes(data)
    with pytest.raises(UpdateRejected):
        look(fetched=True)


def test_one_stolen_key_of_two_signs_nothing(maker, keys, wheels, look, tmp_path):
    """The thief has ann's key, and the server with its key, and publishes without being checked."""
    maker.stage(*wheels("0.9.0"))
    maker.sign("ann")
    staged = maker.repository._staged
    shutil.copytree(staged / "targets", maker.repository.public / "targets", dirs_exist_ok=True)
    shutil.copy(staged / "targets.json", maker.repository.public / "metadata" / "2.targets.json")
    maker.repository._missing = lambda *_: 0
    maker.publish(NOW)
    assert metadata_version(maker, "2.targets.json") == 2
    with pytest.raises(UpdateRejected):
        look()


def test_another_makers_repository_is_refused_whole(keys, wheels, served, look, tmp_path):
    folder, signers = keys
    shutil.rmtree(served.folder)
    other = Maker(tmp_path / "other", folder, signers | {"ann": signers["thief"], "bea": signers["cy"]})
    other.found(holders=("thief", "cy", "ann"))
    other.release(*wheels("0.9.0"))
    shutil.copytree(other.repository.public, served.folder)
    with pytest.raises(UpdateRejected):
        look()


def test_a_root_that_is_none_is_refused(served, tmp_path):
    (tmp_path / "not.json").write_text("{}")
    with pytest.raises(UpdateRejected):
        Source(Pin(tmp_path / "not.json", served.url), tmp_path / "machine")
    with pytest.raises(SettingsError, match="COMPUTEHIVE_AGENT_UPDATE_ROOT"):
        Source(Pin(tmp_path / "missing.json", served.url), tmp_path / "machine")


# --- old, frozen, mixed -----------------------------------------------------------------------------------------------


def test_an_older_release_is_refused_though_rightly_signed(maker, wheels, look, tmp_path):
    maker.release(*wheels("0.3.0"))
    look()
    forget_downgrade_guard(maker)
    maker.release(*wheels("0.2.1"), now=NOW + 1)
    with pytest.raises(UpdateRejected, match=r"0\.2\.1 is offered after 0\.3\.0"):
        look(NOW + 1)
    assert load_seen(tmp_path / "machine").highest == "0.3.0"


def forget_downgrade_guard(maker: Maker) -> None:
    """As holders would whose tool is not ours."""
    maker.repository._published_version = lambda targets: ""


def test_metadata_of_yesterday_is_refused_after_that_of_today(maker, wheels, served, look, tmp_path):
    before = tmp_path / "before"
    shutil.copytree(served.folder, before)
    maker.release(*wheels("0.3.0"))
    look()
    shutil.rmtree(served.folder)
    shutil.copytree(before, served.folder)
    with pytest.raises(UpdateRejected):
        look()


def test_a_frozen_repository_is_refused_once_its_signatures_lapse(maker, look, tmp_path):
    look(NOW - 5)
    maker.publish(now=NOW - 8 * DAY, days=7)
    with pytest.raises(UpdateRejected, match="has lapsed"):
        look(NOW)
    seen = load_seen(tmp_path / "machine")
    assert (seen.verified_at, seen.refused_at) == (NOW - 5, NOW)
    assert "lapsed" in seen.refusal


def test_a_clock_that_went_back_does_not_make_signatures_young_again(look):
    look(NOW + 6 * DAY)
    with pytest.raises(UpdateRejected, match="clock is 5 days behind"):
        look(NOW + DAY)


def test_a_clock_that_goes_back_a_little_at_each_look_goes_back_no_further_than_once(look, tmp_path):
    look(NOW + 6 * DAY)
    look(NOW + 5 * DAY + 60)
    assert load_seen(tmp_path / "machine").verified_at == NOW + 6 * DAY
    with pytest.raises(UpdateRejected, match="clock is 2 days behind"):
        look(NOW + 4 * DAY + 120)


def test_parts_of_two_releases_are_never_mixed(maker, wheels, served, look, tmp_path):
    """The old list of files under the new one's name."""
    old = metadata(served, "1.targets.json").read_bytes()
    maker.release(*wheels("0.3.0"))
    metadata(served, "2.targets.json").write_bytes(old)
    with pytest.raises(UpdateRejected):
        look()


def test_manifest_and_list_must_name_the_same_bytes(maker, wheels, look):
    """Both signed, by holders who erred."""
    maker.stage(*wheels("0.3.0"))
    path = maker.repository._staged / "targets.json"
    document = json.loads(path.read_text())
    files = document["signed"]["targets"]
    files["computehive-0.3.0-py3-none-any.whl"] = files["requirements-0.3.0.lock"]
    path.write_text(json.dumps(document))
    maker.sign("ann", "bea")
    maker.publish()
    with pytest.raises(UpdateRejected, match=r"any\.whl: release.json and the signed list"):
        look(fetched=True)


# --- endless, truncated, away -----------------------------------------------------------------------------------------


def endless(handler):
    handler.send_response(200)
    handler.end_headers()
    try:
        while True:
            handler.wfile.write(b"x" * 65_536)
            handler.server.sent = getattr(handler.server, "sent", 0) + 65_536
    except OSError:
        pass


def trickle(handler):
    handler.send_response(200)
    handler.end_headers()
    try:
        while True:
            handler.wfile.write(b"x")
            time.sleep(0.05)
    except OSError:
        pass


def cut_off(handler):
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b"x" * 10)


@pytest.mark.parametrize("end", ["timestamp.json", ".snapshot.json", ".targets.json", ".release.json", ".whl", ".lock"])
def test_endless_data_is_cut_where_the_signed_length_ends(served, look, end):
    served.instead[end] = endless
    with pytest.raises(UpdateRejected):
        look(fetched=True)


def test_a_trickle_is_given_up(served, look):
    served.instead[".whl"] = trickle
    started = time.monotonic()
    with pytest.raises(ServiceUnavailable, match="took longer than 1 s"):
        look(fetched=True, seconds=1)
    assert time.monotonic() - started < 15


@pytest.mark.parametrize("end", ["timestamp.json", ".whl"])
def test_truncated_data_is_refused(served, look, end):
    served.instead[end] = cut_off
    with pytest.raises(ServiceUnavailable):
        look(fetched=True)


def test_a_shorter_file_is_refused(served, look):
    (wheel,) = served.folder.glob("targets/*.whl")
    wheel.write_bytes(wheel.read_bytes()[:-10])
    with pytest.raises(UpdateRejected):
        look(fetched=True)


def test_a_repository_that_is_away_is_no_rejection_and_is_remembered(served, look, tmp_path):
    look()
    shutil.rmtree(served.folder / "metadata")
    with pytest.raises(ServiceUnavailable):
        look(NOW + 5)
    assert load_seen(tmp_path / "machine").refused_at == NOW + 5
    assert load_seen(tmp_path / "machine").verified_at == NOW


def test_memory_that_is_damaged_is_not_taken_for_none(look, tmp_path):
    look()
    (tmp_path / "machine" / FILE_NAME).write_text('{"highest": 3}')
    with pytest.raises(AgentError, match="cannot be read"):
        look()


def test_public_folder_holds_no_private_key_and_nothing_that_waits_for_signatures(maker, wheels):
    maker.stage(*wheels("0.3.0"))
    published = [path for path in Repository(maker.repository.public.parent).public.rglob("*") if path.is_file()]
    assert not any(b"PRIVATE" in path.read_bytes() for path in published)
    assert not any("0.3.0" in path.name for path in published)


def test_an_owner_can_pin_another_root_over_what_was_seen(maker, keys, wheels, look, tmp_path):
    """As is needed once too many keys of the old one are stolen; versions go on upwards even then."""
    maker.found(now=NOW + 1, holders=("ann", "bea", "thief"))
    maker.release(*wheels("0.3.0"))
    look()
    folder, signers = keys
    other = Maker(tmp_path / "other", folder, signers | {"ann": signers["cy"], "bea": signers["thief"]})
    other.found(holders=("cy", "thief", "ann"))
    other.release(*wheels("0.4.0"))
    with serve(other.repository.public) as served:
        source = Source(Pin(other.repository.root_file(), served.url), tmp_path / "machine", lambda: NOW)
        assert source.newest().version == "0.4.0"
        source.close()
