"""Real containers with network that they bought: what they reach, what they do not, and how it ends."""

import io
import shutil
import tarfile
import threading
import time
from dataclasses import replace

import pytest

from agent.adapters import AdapterSettings, Job, network_hosts
from agent.adapters.docker import DockerAdapter, open_docker
from agent.adapters.gpus import GpuPool
from agent.containers.cache import ImageCache
from agent.containers.holder import image_archive
from agent.doctor.finding import Health
from agent.doctor.sandboxes import check_containers
from agent.network.gate import require_enterable
from agent.sandbox import Limits
from agent.settings import ProviderSettings
from agent.work import package
from marketplace.errors import AgentError
from marketplace.protocol.canonical import sha256_digest
from marketplace.protocol.enums import ExitKind
from marketplace.protocol.jobspec import ContainerProgram, JobSpec
from marketplace.protocol.network import Network
from scripts.container_engine import shell_image
from tests.integration.sandboxes.conftest import AGENT
from tests.integration.sandboxes.networked import HOST, gate, make_certificate, program_files, running_server
from tests.integration.sandboxes.waiting import wait_until

pytestmark = pytest.mark.timeout(120)
LIMITS = Limits(fuel=0, memory_bytes=64_000_000, wall_seconds=20, egress_bytes=1_000_000)
CONNECT = "printf 'CONNECT %s HTTP/1.1\\r\\n\\r\\n' {to}"
THROUGH = "nc 127.0.0.1 3128"


@pytest.fixture(scope="module")
def port():
    with running_server() as port:
        yield port


@pytest.fixture
def run(engine, tmp_path, port):
    """Run a script in a container that may talk to the server; what came of it."""

    def run(script: str, archive: bytes | None = None, *, stop=None, hosts=(), allowed=(), **limits):
        archive, opened = archive or shell_image()[0], gate("any", f"any:{port}", *allowed)
        images = ImageCache(engine, tmp_path / "images.json", 1_000)
        adapter = DockerAdapter(engine, AGENT, images, GpuPool([]), gate=opened)
        spec = JobSpec(
            sandbox="docker",
            program=ContainerProgram(digest=sha256_digest(archive), size=len(archive)),
            args=(script.replace("PORT", str(port)),),
            network=Network(hosts=(f"{HOST}:{port}", *hosts), max_received_mb=1),
        )
        return adapter.run(Job(spec, {}, lambda digest: archive), replace(LIMITS, **limits), stop)

    return run


def fetching(to: str, *lines: str) -> str:
    """A script that asks for a tunnel, says these lines in it, and shows what comes back."""
    said = "; ".join(f"sleep 0.3; printf '{line}'" for line in lines)
    return f"({CONNECT.format(to=to)}; {said or 'true'}; sleep 1) | {THROUGH}"


def test_a_job_fetches_from_a_host_that_it_bought(run):
    done = run(fetching(f"{HOST}:PORT", "GET /data HTTP/1.0\\r\\n\\r\\n"))
    assert done.exit_kind is ExitKind.EXITED
    assert b"200 Connection established" in done.stdout and b"fetched /data" in done.stdout
    assert done.usage.sent_bytes == len("GET /data HTTP/1.0\r\n\r\n")
    assert done.usage.ingress_bytes > len("fetched /data\n")


def test_what_was_sent_is_attested_beside_the_files(run):
    done = run(fetching(f"{HOST}:PORT", "GET / HTTP/1.0\\r\\n\\r\\n"))
    execution = package(done, "0x" + "00" * 32)
    assert execution.egress_bytes == execution.manifest.egress_bytes + done.usage.sent_bytes


@pytest.mark.skipif(not (shutil.which("curl") and shutil.which("openssl")), reason="no curl, or no openssl, here")
def test_an_ordinary_program_talks_tls_through_the_proxy_that_its_environment_names(run, tmp_path):
    both, certificate = make_certificate(tmp_path)
    files = program_files("curl") | {"/certificate.pem": certificate}
    with running_server(both) as port:
        script = (
            f"curl -sS --cacert /certificate.pem https://{HOST}:{port}/by-curl -d hello && curl -sS http://{HOST}:{port}/;"
            " curl -sv https://other.test/"
        )
        done = run(script, with_files(files), hosts=[f"{HOST}:{port}"], allowed=[f"{HOST}:{port}"])
    assert done.stdout.startswith(b"got 5\n"), done.stderr
    assert b"Only CONNECT: use https" in done.stdout, "plain http is told what to do"
    assert b"do not list other.test:443" in done.stderr, "what curl shows of a refusal says why"
    assert done.usage.sent_bytes > 300, "the TLS handshake is the job's too"


def with_files(files: dict[str, bytes]) -> bytes:
    """The image with a shell, and these files."""
    layers = io.BytesIO()
    with tarfile.open(fileobj=io.BytesIO(shell_image()[0])) as shell:
        base = shell.extractfile("layer.tar").read()
    with tarfile.open(fileobj=io.BytesIO(base)) as given, tarfile.open(fileobj=layers, mode="w") as layer:
        for entry in given:
            layer.addfile(entry, given.extractfile(entry) if entry.isreg() else None)
        for path, data in files.items():
            entry = tarfile.TarInfo(path.lstrip("/"))
            entry.size, entry.mode = len(data), 0o755
            layer.addfile(entry, io.BytesIO(data))
    config = {"Entrypoint": ["/bin/sh", "-c"], "Env": ["PATH=/bin:/usr/bin"]}
    return image_archive(layers.getvalue(), config)[0]


# --- what is not reached ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("to", "status"),
    [
        ("other.test:PORT", b"403"), (f"{HOST}:1", b"403"), ("127.0.0.1:PORT", b"403"), ("169.254.169.254:80", b"403"),
        ("metadata.test:443", b"502"), ("private.test:443", b"502"), ("nowhere.test:443", b"502"),
    ],
)  # fmt: skip
def test_what_the_job_did_not_list_and_what_leads_to_no_public_address_is_refused(run, to, status):
    done = run(fetching(to), hosts=["metadata.test:443", "private.test:443", "nowhere.test:443"])
    assert done.stdout.startswith(b"HTTP/1.1 " + status), done.stdout
    assert done.usage.sent_bytes == 0


def test_nothing_is_reached_but_through_the_proxy(run):
    tries = "; ".join(
        f"nc -w 2 {to} </dev/null && echo reached"
        for to in ("127.0.0.1 PORT", "10.255.255.53 53", "169.254.169.254 80")
    )
    done = run(f"{tries}; cat /proc/net/dev; exit 0")
    assert b"reached" not in done.stdout
    devices = [line.split(b":")[0].strip() for line in done.stdout.splitlines() if b":" in line]
    assert devices == [b"lo"]


def test_without_buying_it_a_job_finds_no_proxy(docker_adapter):
    archive = shell_image()[0]
    program = ContainerProgram(digest=sha256_digest(archive), size=len(archive))
    spec = JobSpec(sandbox="docker", program=program, args=(f"env; echo x | {THROUGH}",))
    done = docker_adapter.run(Job(spec, {}, lambda digest: archive), LIMITS)
    assert (done.exit_code, b"PROXY" in done.stdout, done.usage.sent_bytes) == (1, False, 0)


def test_proxy_is_for_the_job_alone_and_not_for_the_machine_or_another_job(run):
    """Both listen on the same address and port at once, each in its own namespace."""
    found = []
    other = threading.Thread(target=lambda: found.append(run(fetching(f"{HOST}:PORT", "GET /a HTTP/1.0\\r\\n\\r\\n"))))
    other.start()
    done = run(fetching(f"{HOST}:PORT", "GET /b HTTP/1.0\\r\\n\\r\\n"), hosts=["another.test:443"])
    other.join(60)
    assert b"fetched /b" in done.stdout and b"fetched /a" in found[0].stdout


def test_the_program_cannot_take_the_proxys_place(run):
    done = run("nc -l -p 3128 -w 1; exit 9")
    assert (done.exit_code, b"in use" in done.stderr) == (9, True), done.stderr


# --- how it ends ------------------------------------------------------------------------------------------------------


def test_more_sent_than_bought_ends_the_job_and_no_more_than_that_is_attested(run):
    post = "sleep 0.3; printf 'POST / HTTP/1.0\\r\\nContent-Length: 10000000\\r\\n\\r\\n'"
    flood = f"({CONNECT.format(to=f'{HOST}:PORT')}; {post}; yes) | {THROUGH}; sleep 30"
    done = run(flood, egress_bytes=200_000)
    assert (done.exit_kind, done.outputs) == (ExitKind.NETWORK_LIMIT, {})
    assert "sent more than the 200000 bytes" in done.detail
    assert len(done.stdout) + len(done.stderr) + done.usage.sent_bytes <= 200_000


def test_more_received_than_the_job_lets_itself_be_sent_ends_it(run):
    done = run(fetching(f"{HOST}:PORT", "GET /big HTTP/1.0\\r\\n\\r\\n") + " > /dev/null; sleep 30")
    assert (done.exit_kind, done.usage.ingress_bytes) == (ExitKind.NETWORK_LIMIT, 1_000_000)
    assert "was sent more than the 1000000 bytes" in done.detail


def test_outputs_and_what_was_sent_share_what_the_bid_reserves(run):
    said = fetching(f"{HOST}:PORT", "GET /%01000d HTTP/1.0\\r\\n\\r\\n")
    fits = run(f"{said} > /dev/null; head -c 8000 /dev/zero > /out/x", egress_bytes=10_000)
    assert fits.exit_kind is ExitKind.EXITED, fits.detail
    over = run(f"{said} > /dev/null; head -c 9500 /dev/zero > /out/x", egress_bytes=10_000)
    assert (over.exit_kind, over.outputs) == (ExitKind.OUTPUT_LIMIT, {})
    assert "sent, exceed the 10000 bytes reserved" in over.detail


def test_a_job_that_ends_with_connections_open_leaves_nothing_behind(run, engine):
    before = threading.active_count()
    done = run(f"({CONNECT.format(to=f'{HOST}:PORT')}; sleep 60) | {THROUGH} & sleep 1; exit 0")
    assert done.exit_kind is ExitKind.EXITED
    wait_until(lambda: threading.active_count() <= before + 1)  # the server's own thread ends with its connection
    assert engine.sweep() == 0


def test_a_job_that_is_stopped_loses_its_network_at_once(run):
    stop = threading.Event()
    threading.Timer(2, stop.set).start()
    began = time.monotonic()
    done = run(f"({CONNECT.format(to=f'{HOST}:PORT')}; sleep 60) | {THROUGH}", stop=stop)
    assert (done.exit_kind, time.monotonic() - began < 15) == (ExitKind.EVICTED, True)


def test_flood_of_connections_and_half_requests_leaves_the_job_within_its_limits(run):
    flood = f"for n in $(seq 60); do (printf CONN; sleep 3) | {THROUGH} & done; sleep 4; " + fetching(f"{HOST}:1")
    done = run(flood, processes=250)
    assert done.exit_kind is ExitKind.EXITED
    assert b"HTTP/1.1 403" in done.stdout, "afterwards it is answered"


# --- who offers it ----------------------------------------------------------------------------------------------------


def test_host_that_the_provider_does_not_allow_is_refused_though_it_was_matched(docker_adapter, run):
    with pytest.raises(AgentError, match=r"does not let jobs reach x\.test:25\."):
        run("true", hosts=["x.test:25"])
    archive = shell_image()[0]
    program = ContainerProgram(digest=sha256_digest(archive), size=len(archive))
    spec = JobSpec(sandbox="docker", program=program, network=Network(hosts=("a.test:443",)))
    with pytest.raises(AgentError, match="lets jobs reach no host"):
        docker_adapter.run(Job(spec, {}, lambda digest: archive), LIMITS)


def test_what_the_settings_name_is_what_the_profile_promises_and_the_doctor_tells(engine_address, tmp_path):
    settings = ProviderSettings(
        rpc_url="", address_book=tmp_path, keystore=tmp_path, data=tmp_path, container_engine=engine_address,
        network_hosts=("any", "*.example.org:8443"),
    )  # fmt: skip
    adapter = open_docker(settings.adapters)
    assert network_hosts({"docker": adapter}) == ("*.example.org:8443", "any")
    adapter.close()
    found = {each.name: each for each in check_containers(settings)}
    assert (found["network"].health, found["network"].found) == (
        Health.OK,
        "jobs that bought it may reach any, *.example.org:8443",
    )


def test_nobody_is_promised_network_by_default(engine_address, tmp_path):
    adapter = open_docker(AdapterSettings(data=tmp_path, container_engine=engine_address))
    assert network_hosts({"docker": adapter}) == ()
    adapter.close()


def test_in_gvisor_it_is_not_offered_and_the_reason_says_what_to_change(gvisor_engine):
    with pytest.raises(AgentError, match="gVisor") as refused:
        require_enterable(gvisor_engine, AGENT)
    assert "COMPUTEHIVE_AGENT_CONTAINER_RUNTIME" in refused.value.hint
