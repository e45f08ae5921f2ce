"""The address of a cluster in a provider's settings, and what its machines are worth to the doctor."""

import pytest

from agent.clusters.hand import environment
from agent.clusters.machines import Fleet, Machine
from agent.doctor.clusters import check_cluster, judge_fleet
from agent.doctor.finding import Health
from agent.pauses import Pauses
from agent.settings import NodeSettings, load_settings
from agent.vitals import Caution, Vitals
from marketplace.errors import SettingsError
from tests.unit.agent.clusters.test_machines import OURS, said


@pytest.mark.parametrize("address", ["", "ray://head.example.org:10001", "10.0.0.5:6379", "ray://[::1]:10001"])
def test_addresses_of_clusters_are_taken(address):
    assert load_settings(NodeSettings, ray_address=address).adapters.ray_address == address


@pytest.mark.parametrize("address", ["local", "auto", "head.example.org", "http://head:10001", "ray://head:1;x"])
def test_words_by_which_ray_would_start_or_guess_a_cluster_are_refused(address):
    with pytest.raises(SettingsError, match=r"COMPUTEHIVE_AGENT_RAY_ADDRESS.*expected ray://HOST:PORT"):
        load_settings(NodeSettings, ray_address=address)


def test_process_that_talks_to_ray_is_given_no_password_and_reports_nothing():
    given = environment({"COMPUTEHIVE_AGENT_PASSWORD": "word", "RAY_AUTH_MODE": "token", "PATH": "bin"})
    assert given == {"RAY_AUTH_MODE": "token", "PATH": "bin", "RAY_USAGE_STATS_ENABLED": "0"}


def test_doctor_says_what_of_a_cluster_is_not_offered_and_which_units_do_not_fit():
    other = said("b", 8, 16_000, **{"is": None, "fault": "No module named 'agent'"})
    fleet = Fleet.of([Machine.parse(each, OURS) for each in (said("a", 8, 16_000, gpus=4), other)])
    found = {each.name: each for each in judge_fleet("ray://head:1", fleet, 5)}
    assert found["cluster"].found == "ray://head:1: 1 machines, 8 cores, 16000 MB, 2 GPUs"
    assert (found["cluster units"].health, found["cluster host-b"].health) == (Health.OK, Health.WARN)
    assert "Ray counts 4 GPUs" in found["cluster host-a"].found
    pair = Fleet.of([Machine.parse(said(name, 8, 8_000), OURS) for name in "ab"])
    units = {each.name: each for each in judge_fleet("ray://head:1", pair, 3)}["cluster units"]
    assert units.health is Health.WARN and units.found == "2 jobs of one unit fit onto its machines at once, of 3"


def test_doctor_minds_no_cluster_where_none_is_named(tmp_path):
    assert check_cluster(load_settings(NodeSettings, data=tmp_path)) == []


def test_node_takes_no_new_leases_while_its_cluster_is_away():
    worries, clock = ["the cluster is away"], [0.0]
    pauses = Pauses((), Caution(), Vitals, lambda: clock[0], lambda: worries[0])
    assert pauses.is_paused()
    worries[0], clock[0] = "", 60.0
    assert not pauses.is_paused()
