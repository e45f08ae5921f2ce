"""A socket that listens inside a container's network namespace, and is answered from outside.

A socket belongs to the namespace in which it was made, whoever holds it. So a container without any network (nothing
but its own loopback) reaches this agent on 127.0.0.1 there, through no bridge, route or packet filter of the machine;
and nobody else does: other jobs and the machine's users have loopbacks of their own.
"""

import ctypes
import os
import socket
import threading

from marketplace.errors import AgentError

_CLONE_NEWNET = 0x40000000
_BACKLOG = 64
_HINT = (
    "The agent needs the rights to enter containers (root, or CAP_SYS_ADMIN and CAP_SYS_PTRACE) and an engine on this"
    " machine, in the same process namespace. Else empty COMPUTEHIVE_AGENT_NETWORK_HOSTS."
)


def listen_inside(container: str, pid: int, address: tuple[str, int]) -> socket.socket:
    """A listening TCP socket in the namespace of a running container's first process.

    Only a thread of its own changes the namespace, and ends. Raises AgentError where this agent may not enter it, or
    where `pid` is not that container's here.
    """
    made: list[socket.socket] = []
    failed: list[OSError] = []

    def make() -> None:
        try:
            made.append(_make(container, pid, address))
        except OSError as error:
            failed.append(error)

    thread = threading.Thread(target=make, name="namespace")
    thread.start()
    thread.join()
    if failed:
        raise AgentError(f"The network of containers cannot be entered: {failed[0]}.", hint=_HINT) from failed[0]
    return made[0]


def _make(container: str, pid: int, address: tuple[str, int]) -> socket.socket:
    own, other = os.stat("/proc/self/ns/net"), os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        # Asked after it was opened: a process id that was given to another meanwhile would say so.
        if container not in _groups_of(pid):
            raise OSError(f"process {pid} is not the container's here")
        if os.fstat(other).st_ino == own.st_ino:
            raise OSError("the container shares the machine's network")
        _enter(other)
    finally:
        os.close(other)
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        listener.bind(address)
        listener.listen(_BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def _groups_of(pid: int) -> str:
    with open(f"/proc/{pid}/cgroup") as file:
        return file.read()


def _enter(namespace: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)  # os.setns is there from Python 3.12 on
    if libc.setns(namespace, _CLONE_NEWNET):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
