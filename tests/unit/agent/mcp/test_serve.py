"""Around the node's MCP server: its folder, its token, and the files that it lets clients name."""

import pytest

from agent.mcp.requests import Caps, GivenLimits, SharedFolder, limits_within
from agent.mcp.serve import own_folder, read_token
from marketplace.errors import InputError, SettingsError


def test_servers_at_once_work_in_folders_of_their_own_and_leave_them_to_the_next(tmp_path):
    with own_folder(tmp_path) as first, own_folder(tmp_path) as second:
        assert first != second
    with own_folder(tmp_path) as again:
        assert again == first


def test_token_is_made_once_and_hard_to_guess(tmp_path):
    token = read_token(tmp_path / "new" / "token")
    assert len(token) >= 43 and read_token(tmp_path / "new" / "token") == token
    assert read_token(tmp_path / "other") != token


def test_empty_token_lets_nobody_in(tmp_path):
    (tmp_path / "token").write_text("\n")
    with pytest.raises(SettingsError, match="is empty"):
        read_token(tmp_path / "token")


@pytest.mark.parametrize("name", ["../secret", "/etc/hostname", "link", "d/../../secret", "folder-link/secret"])
def test_no_name_and_no_link_leads_out_of_the_shared_folder(tmp_path, name):
    (tmp_path / "secret").write_text("s")
    shared = tmp_path / "shared"
    (shared / "d").mkdir(parents=True)
    (shared / "link").symlink_to(tmp_path / "secret")
    (shared / "folder-link").symlink_to(tmp_path)
    for use in (SharedFolder(shared).read, SharedFolder(shared).new_folder):
        with pytest.raises(InputError, match="is not below"):
            use(name)


def test_what_is_left_out_is_as_much_as_the_machine_allows_and_more_is_refused_by_field():
    caps = Caps(memory_mb=100, seconds=10, gfuel=2, egress_mb=3, vcpus=2)
    most = limits_within(caps, None)
    assert (most.memory_bytes, most.wall_seconds, most.fuel, most.egress_bytes) == (10**8, 10, 2 * 10**9, 3 * 10**6)
    assert limits_within(caps, GivenLimits(seconds=10, memory_mb=1)).memory_bytes == 10**6
    for name in GivenLimits.model_fields:
        with pytest.raises(InputError, match=rf"limits\.{name}: 101 is above"):
            limits_within(caps, GivenLimits(**{name: 101}))
