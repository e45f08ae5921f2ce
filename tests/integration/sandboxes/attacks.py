"""What strangers' programs try, once for each sandbox: what they run, and how that must end.

A program for `wasm` is Python in the ready-made runtime, one for `docker` is a shell script. `{host_file}`, `{port}`
and `{pid}` are a file, a listening port and a process of this machine.
"""

import gzip
from dataclasses import dataclass, field

from marketplace.protocol.enums import ExitKind

BOMB = {"bomb.gz": gzip.compress(bytes(200_000_000), 9)}


@dataclass(frozen=True)
class Attack:
    """One thing that is tried. A sandbox ends it as `ends` says, and `detail` names the limit."""

    name: str
    wasm: str
    docker: str
    ends: dict[str, tuple[ExitKind, ...]]
    detail: dict[str, str] = field(default_factory=dict)
    is_refused: bool = False
    """Whether the program has to come to its end with another status than 0."""
    inputs: dict[str, bytes] = field(default_factory=dict)
    limits: dict[str, float] = field(default_factory=dict)

    def expected(self, sandbox: str) -> tuple[ExitKind, ...]:
        """How it must end there. In gVisor as in any container, unless it says otherwise."""
        return self.ends.get(sandbox, self.ends["docker"])

    def detail_of(self, sandbox: str) -> str:
        """What the detail must name there; of gVisor nothing where it does not end as in any container."""
        return self.detail.get(sandbox, "" if sandbox in self.ends else self.detail.get("docker", ""))


def both(*ends: ExitKind) -> dict[str, tuple[ExitKind, ...]]:
    return {"wasm": ends, "docker": ends}


def by(wasm: ExitKind, docker: ExitKind) -> dict[str, tuple[ExitKind, ...]]:
    return {"wasm": (wasm,), "docker": (docker,)}


E = ExitKind
ATTACKS = (
    Attack(
        "fork bomb",
        "import os; os.fork()",
        "f() { f & f & }; f; sleep 30",
        by(E.EXITED, E.PROCESS_LIMIT),
        {"docker": "more than 64 processes"},
        limits={"memory_bytes": 512_000_000},  # so much that processes are what runs out, in gVisor's kernel too
    ),
    Attack(
        "memory bomb",
        "x = b'x' * 1000\nwhile True: x += x",
        "x=aaaaaaaa; while true; do x=$x$x; done",
        {"wasm": (E.MEMORY_LIMIT, E.EXITED), "docker": (E.MEMORY_LIMIT,)},
        {"docker": "128000000 bytes of memory"},
    ),
    Attack(
        "memory bomb in a child that its parent outlives",
        "import ctypes",
        "(x=aaaaaaaa; while true; do x=$x$x; done); exit 3",
        by(E.EXITED, E.MEMORY_LIMIT),
    ),
    Attack(
        "memory bomb in shared memory",
        "import multiprocessing.shared_memory",
        "dd if=/dev/zero of=/dev/shm/x bs=1M count=500; exit 4",
        both(E.EXITED, E.MEMORY_LIMIT),
        is_refused=True,
    ),
    Attack(
        "disk filled with one file",
        "f = open('big', 'wb')\nwhile True: f.write(bytes(100000))",
        "dd if=/dev/zero of=/out/big bs=1M count=500; true",
        both(E.OUTPUT_LIMIT),
        {"docker": "2000000 bytes reserved"},
    ),
    Attack(
        "disk filled in the scratch folder",
        "open('/tmp/x', 'wb')",
        "dd if=/dev/zero of=/tmp/big bs=1M count=500 || exit 5",
        both(E.EXITED, E.MEMORY_LIMIT),
        is_refused=True,
    ),
    Attack(
        "disk filled with names",
        "for n in range(5000): open(str(n), 'w')",
        "for n in $(seq 5000); do : > /out/$n || break; done; true",
        both(E.OUTPUT_LIMIT),
        {"docker": "more than 1000 output files"},
    ),
    Attack(
        "file that claims to be huge",
        "open('big', 'wb').truncate(10**13)",
        "truncate -s 1000000000000 /out/big; true",
        {"wasm": (E.OUTPUT_LIMIT, E.EXITED), "docker": (E.OUTPUT_LIMIT,)},
    ),
    Attack("flood of standard output", "while True: print('y' * 1000)", "yes", both(E.OUTPUT_LIMIT)),
    Attack(
        "flood of standard error",
        "import sys\nwhile True: print('y' * 1000, file=sys.stderr)",
        "yes >&2",
        both(E.OUTPUT_LIMIT),
        {"wasm": "standard error", "docker": "standard error"},
    ),
    Attack(
        "sleep for ever",
        "import time; time.sleep(10**9); print('woke')",
        "sleep 1000000",
        by(E.EXITED, E.TIMEOUT),
        {"docker": "still running after 3 s"},
        limits={"wall_seconds": 3},
    ),
    Attack(
        "signals ignored",
        "import signal; signal.signal(15, signal.SIG_IGN); raise SystemExit(1)",
        "trap '' TERM INT HUP; while true; do sleep 1; done",
        by(E.EXITED, E.TIMEOUT),
        limits={"wall_seconds": 3},
    ),
    Attack(
        "busy loop",
        "while True: pass",
        "while true; do :; done",
        by(E.OUT_OF_FUEL, E.TIMEOUT),
        limits={"wall_seconds": 3, "fuel": 2 * 10**9},
    ),
    Attack(
        "reading the host's files",
        "print(open('{host_file}').read())",
        "cat {host_file} /proc/1/root{host_file} /proc/{pid}/root{host_file}",
        both(E.EXITED),
        is_refused=True,
    ),
    Attack(
        "reading the agent's environment",
        "import os; print(dict(os.environ)); print(open('/proc/self/environ').read())",
        "env; cat /proc/{pid}/environ",
        both(E.EXITED),
        is_refused=True,
    ),
    Attack(
        "writing outside its folders",
        "open('/in/x', 'w')",
        "fails=0; for p in /x /etc/x /bin/x /in/x /proc/sys/kernel/x /sys/x; do"
        " (: > $p) || fails=$((fails+1)); done; exit $fails",
        both(E.EXITED),
        is_refused=True,
    ),
    Attack(
        "reaching the machine's network",
        "import socket; socket.create_connection(('127.0.0.1', {port}), 2)",
        "wget -T 2 -O - http://127.0.0.1:{port}/ || nc -w 2 127.0.0.1 {port} || exit 6",
        both(E.EXITED),
        is_refused=True,
    ),
    Attack(
        "reaching the metadata address",
        "import socket; socket.create_connection(('169.254.169.254', 80), 2)",
        "nc -w 2 169.254.169.254 80 || exit 7",
        both(E.EXITED),
        is_refused=True,
    ),
    Attack(
        "links out of the output folder",
        "import os; os.symlink('{host_file}', 'link')",
        "ln -s {host_file} /out/link; ln -s ../../../../../.. /out/up; ln -s /proc/1/root /out/root; true",
        both(E.EXITED),
    ),
    Attack(
        "devices made and found",
        "open('/dev/mem')",
        "fails=0; mknod /out/disk b 8 0 || fails=1; for d in mem kmem kvm sda vda fuse; do"
        " (head -c 1 /dev/$d) 2>/dev/null && exit 0; done; exit 8",
        both(E.EXITED),
        is_refused=True,
    ),
    Attack(
        "signals to processes of the machine",
        "import os; os.kill({pid}, 9)",
        "kill -9 {pid}; kill -9 -1; exit 9",
        both(E.EXITED),
        is_refused=True,
    ),
    Attack(
        "compressed bomb among the inputs",
        "import gzip; open('x', 'wb').write(gzip.open('/in/bomb.gz').read())",
        "gunzip -c /in/bomb.gz > /out/x; true",
        {"wasm": (E.EXITED, E.MEMORY_LIMIT, E.OUTPUT_LIMIT), "docker": (E.OUTPUT_LIMIT,)},
        inputs=BOMB,
    ),
    Attack(
        "clock set back",
        "import time; time.clock_settime(0, 0)",
        "date -s 2001-01-01; [ $(date +%Y) = 2001 ] || exit 10",
        both(E.EXITED),
        is_refused=True,
    ),
    Attack(
        "mounts and namespaces",
        "import os; os.unshare(0)",
        "mount -t tmpfs none /tmp || mount -t proc none /tmp || exit 11",
        both(E.EXITED),
        is_refused=True,
    ),
    Attack(
        "processes left behind",
        "import subprocess; subprocess.Popen(['sleep', '31337'])",
        "for n in 1 2 3; do sleep 31337 & done; exit 0",
        both(E.EXITED),
    ),
)
