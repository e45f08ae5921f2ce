"""What a provider lets through, and namespaces that are not entered."""

import os

import pytest

from agent.network.gate import ENVIRONMENT, Gate
from agent.network.namespace import listen_inside
from marketplace.errors import AgentError
from marketplace.network.names import ask_the_system
from marketplace.protocol.network import Network


def test_host_that_the_provider_does_not_allow_is_refused_by_name():
    gate = Gate(("a.org", "any:8443"))
    gate.require_allowed(Network(hosts=("a.org:443", "b.org:8443")))
    with pytest.raises(AgentError, match=r"does not let jobs reach b\.org:443\.$"):
        gate.require_allowed(Network(hosts=("a.org:443", "b.org:443")))


def test_nothing_is_opened_for_a_host_that_is_not_allowed():
    with pytest.raises(AgentError, match="does not let jobs reach"):
        Gate(()).open(Network(hosts=("a.org:443",)), "container", os.getpid(), 1)


def test_process_that_is_not_the_containers_is_not_entered():
    with pytest.raises(AgentError, match="is not the container's here") as refused:
        listen_inside("0123456789abcdef", os.getpid(), ("127.0.0.1", 0))
    assert "COMPUTEHIVE_AGENT_NETWORK_HOSTS" in refused.value.hint


def test_process_that_is_no_more_is_told_with_what_to_do():
    with pytest.raises(AgentError, match="cannot be entered") as refused:
        listen_inside("0123456789abcdef", 2**22 + 1, ("127.0.0.1", 0))
    assert "CAP_SYS_ADMIN" in refused.value.hint


def test_the_systems_resolver_says_that_there_is_no_such_name():
    with pytest.raises(OSError):
        ask_the_system("no-such-name.invalid")


def test_programs_are_told_of_the_proxy_by_the_variables_that_they_look_for():
    assert ENVIRONMENT["HTTPS_PROXY"] == ENVIRONMENT["https_proxy"] == "http://127.0.0.1:3128"
    assert "127.0.0.1" in ENVIRONMENT["NO_PROXY"]
