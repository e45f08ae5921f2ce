"""`--network HOST[:PORT]`: hosts as somebody types them, and what is told of those that are none."""

import pytest

from marketplace.cli.networking import NetworkOptions
from marketplace.client.jobs import prepare_job
from marketplace.errors import InputError, InvalidJobSpec


def test_nothing_said_is_no_network():
    assert NetworkOptions().to_network() is None


def test_hosts_are_taken_in_lower_case_and_on_port_443_unless_they_name_another():
    network = NetworkOptions(["Example.ORG", "b.example.org:8443"], 7).to_network()
    assert (network.hosts, network.max_received_mb) == (("example.org:443", "b.example.org:8443"), 7)


@pytest.mark.parametrize(
    "wrong", ["127.0.0.1", "localhost", "https://example.org", "example.org:0", "*.example.org", ""]
)
def test_what_is_no_host_is_refused_with_what_was_expected(wrong):
    with pytest.raises(InputError, match=r"--network: .*expected a name in lower case") as refused:
        NetworkOptions([wrong]).to_network()
    assert "--network example.org:443" in refused.value.hint


def test_what_can_be_too_much_is_refused():
    for options in (NetworkOptions(["a.org", "a.org:443"]), NetworkOptions([f"a{n}.org" for n in range(17)])):
        with pytest.raises(InputError, match="--network: "):
            options.to_network()


def test_image_gets_it_and_a_script_is_told_that_it_cannot(tmp_path):
    network = NetworkOptions(["example.org"]).to_network()
    (tmp_path / "image.tar").write_bytes(b"x")
    (tmp_path / "job.py").write_text("print(1)")
    assert prepare_job(tmp_path / "image.tar", runtimes={}, network=network).spec.network == network
    with pytest.raises(InvalidJobSpec, match="'runtime' has no network: only containers can buy it"):
        prepare_job(tmp_path / "job.py", runtimes={"python": "0x" + "ab" * 32}, network=network)
