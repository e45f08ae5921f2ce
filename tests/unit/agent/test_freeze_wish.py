"""Who may be frozen: what a job specification may say, and what becomes of it on the way to the sandbox."""

import threading
import time
from dataclasses import replace

import pytest

from agent.sandbox.snapshots import Snapshots
from marketplace.cli.schedule import ScheduleOptions
from marketplace.errors import InputError, InvalidJobSpec
from marketplace.protocol.checkpointing import Checkpointing
from marketplace.protocol.enums import ExitKind
from marketplace.protocol.jobspec import JobSpec
from tests.unit.agent.played_market import AGENT, DOMAIN, PROVIDER, PlayedMarket
from tests.unit.agent.played_provider import make_provider, seen
from tests.unit.agent.test_checkpoints import LEASE, Market, started
from tests.unit.agent.test_work import ended, lease_event, lease_terms, script_spec

CHECKPOINT = {"directory": "state", "intervalSeconds": 5, "freeze": True}
CONTAINER = {"kind": "container", "digest": "0x" + "ab" * 32, "size": 10}
PRIVACY = {"recipient": "age1" + "q" * 58, "commitment": "0x" + "cd" * 32}


def container_spec(**fields) -> JobSpec:
    return JobSpec.parse({"sandbox": "docker", "program": CONTAINER, "checkpoint": CHECKPOINT} | fields)


def test_container_may_allow_it_and_none_does_by_default():
    assert container_spec().checkpoint.freeze
    assert not container_spec(checkpoint={"directory": "state"}).checkpoint.freeze
    assert container_spec().digest() != container_spec(checkpoint=CHECKPOINT | {"freeze": False}).digest()


def test_program_that_is_no_container_cannot_ask_for_it():
    with pytest.raises(InvalidJobSpec, match="is for containers"):
        script_spec(checkpoint=CHECKPOINT)


def test_private_job_cannot_ask_for_it():
    with pytest.raises(InvalidJobSpec, match="private job's memory to a disk"):
        container_spec(privacy=PRIVACY)
    assert container_spec(privacy=PRIVACY, checkpoint=CHECKPOINT | {"freeze": False}).privacy is not None


def test_job_with_network_cannot_ask_for_it():
    network = {"hosts": ["example.org:443"]}
    with pytest.raises(InvalidJobSpec, match="gVisor, where jobs have no network"):
        container_spec(network=network)
    unfrozen = container_spec(network=network, checkpoint=CHECKPOINT | {"freeze": False})
    assert unfrozen.network_hosts == ("example.org:443",)


def test_sandbox_is_told_of_the_wish_with_the_lease_its_deadline_and_why_it_stops(tmp_path):
    terms = lease_terms(container_spec())
    freeze = started(Market(), tmp_path).of(LEASE, terms, lambda: True).freeze
    assert (freeze.lease, freeze.until, freeze.is_leaving()) == (LEASE, terms.bid.deadline, True)


def test_job_that_did_not_ask_has_no_such_wish(tmp_path):
    terms = lease_terms(container_spec(checkpoint={"directory": "state"}))
    assert started(Market(), tmp_path).of(LEASE, terms, lambda: True).freeze is None


def test_job_is_stopped_as_one_to_go_on_with_only_when_the_daemon_ends(tmp_path):
    terms = signed(lease_terms(container_spec()))
    told, running, stop = [], threading.Event(), threading.Event()

    def until_stopped(given, hooks):
        told.append(hooks.snapshots.freeze.is_leaving())
        running.set()
        assert hooks.stop.wait(20), "nobody stopped it"
        told.append(hooks.snapshots.freeze.is_leaving())
        return ended(ExitKind.EVICTED, blobs={})

    market = PlayedMarket(terms)
    market.heartbeat = lambda beat, signature: {}
    provider = make_provider(market, tmp_path, runner=until_stopped)
    provider.follow = lambda: None  # this chain has no blocks
    seen(provider, lease_event(terms))
    daemon = threading.Thread(target=provider.run, args=(stop, 0.01), daemon=True)
    daemon.start()
    assert running.wait(20)
    while not provider._running:  # the job may begin before the daemon has noted that it has
        time.sleep(0.001)
    stop.set()
    daemon.join(20)
    assert told == [False, True]


def signed(terms):
    ask = terms.ask.model_copy(update={"provider": PROVIDER.address, "agent": AGENT.address})
    return replace(terms, ask=ask, ask_signature=ask.sign(DOMAIN, PROVIDER.key))


def test_states_of_a_job_that_goes_on_count_from_its_first_start():
    clock = [100.0]
    snapshots = Snapshots("state", 5, lambda files: None, clock=lambda: clock[0])
    snapshots.go_on(30)
    clock[0] += 2
    snapshots.look(dict)
    assert snapshots.ran_seconds == 32


def test_freeze_is_an_option_of_a_job_that_saves_its_state_as_well():
    wanted = Checkpointing(directory="state", interval_seconds=60, freeze=True)
    assert ScheduleOptions(checkpoint="state/", freeze=True).to_checkpoint() == wanted
    assert not ScheduleOptions(checkpoint="state").to_checkpoint().freeze
    with pytest.raises(InputError, match="same machine") as refused:
        ScheduleOptions(freeze=True).to_checkpoint()
    assert "--checkpoint" in refused.value.hint
