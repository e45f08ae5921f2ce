"""Which of an engine's runtimes is gVisor, by what the engine says of itself."""

import pytest

from agent.containers.engine import gvisor_runtimes


@pytest.mark.parametrize(
    ("runtimes", "found"),
    [
        ({"runc": {"path": "runc"}}, []),
        ({"runc": {"path": "runc"}, "runsc": {"path": "/usr/bin/runsc", "runtimeArgs": []}}, ["runsc"]),
        ({"walled": {"path": "/opt/bin/runsc"}, "runc": {"path": "runc"}}, ["walled"]),
        ({"runsc": {"runtimeType": "io.containerd.runsc.v1"}}, ["runsc"]),
        ({"runsc-like": {"path": "/usr/bin/other"}}, []),
        (None, []),
    ],
)
def test_gvisor_is_known_by_its_name_or_its_program(runtimes, found):
    assert gvisor_runtimes({"Runtimes": runtimes}) == found
