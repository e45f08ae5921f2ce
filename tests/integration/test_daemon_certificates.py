"""The daemons' side of certificates: a provider at a market that requires them, renewal, and a change of roots."""

import shutil
import stat
import subprocess
import time
from functools import partial
from urllib.parse import quote

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from agent.journal import Journal
from agent.offer import Offer
from agent.provider import ProviderDaemon
from agent.svid import IDENTITY, Identity, Subject, keep_identity, open_context
from marketplace.adapters.authority import FileAuthority
from marketplace.adapters.authority_files import BUNDLE, make_issuer, make_root, trust_root
from marketplace.client import MarketClient
from marketplace.devnet import ManagedProcess, free_port
from marketplace.errors import ConflictError, ServiceUnavailable, SettingsError, Unauthorized
from marketplace.protocol.metering import Rates
from marketplace.protocol.svid import NODE
from scripts.toolchain import ROOT
from tests.fakes.certificates import DOMAIN_NAME, MINUTE, Ca
from tests.fakes.world import AGENT, DOMAIN, PROVIDER
from tests.integration.test_node_certificates import NODE_ID, SOON, Secured
from tests.integration.test_proxy import needs_nginx, write_configuration

SUBJECT = Subject(AGENT, PROVIDER.address, NODE)


@pytest.fixture
def ca(tmp_path):
    return Ca(tmp_path / "authority")


@pytest.fixture
def served(tmp_path, ca, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(ca.issuer / BUNDLE))
    with Secured(tmp_path, ca) as running:
        running.world.chain.state.agents.add((PROVIDER.address, AGENT.address))
        yield running


@pytest.fixture
def data(tmp_path):
    (tmp_path / "daemon").mkdir()
    return tmp_path / "daemon"


def serial(data) -> int:
    return x509.load_pem_x509_certificate((data / IDENTITY).read_bytes()).serial_number


def test_a_provider_asks_for_its_certificate_and_is_heard(served, data):
    chain, now = served.world.chain, served.world.market.clock.now
    with MarketClient(served.url, context=partial(open_context, data)) as client:
        daemon = ProviderDaemon(
            client=client, chain=chain, domain=DOMAIN, market=client.config()["market"], provider=PROVIDER, agent=AGENT,
            offer=Offer(Rates(0, 10, 0, 0, 0, 0), 2, chain.time - now() + 3600, served.world.profile()), runner=None,
            hand=None, journal=Journal(data / "journal"), blobs=data / "outputs", claim_margin=0, now=now,
        )  # fmt: skip
        with pytest.raises(Unauthorized):
            daemon.send_heartbeat()
        (step,) = keep_identity(client, DOMAIN, SUBJECT, data)
        daemon.keep_ask()
        daemon.send_heartbeat()
        first = serial(data)
        step()
    assert daemon.is_heard.is_set()
    assert serial(data) == first
    assert stat.S_IMODE((data / IDENTITY).stat().st_mode) == 0o600


def test_a_certificate_is_renewed_after_half_of_its_life_with_another_key(served, data):
    clock = [time.time()]
    bare = partial(MarketClient, served.url, context=partial(open_context, data, with_identity=False))
    with MarketClient(served.url, context=partial(open_context, data)) as client:
        options = {"client": client, "open_bare": bare, "domain": DOMAIN, "subject": SUBJECT, "data": data}
        identity = Identity(**options, now=lambda: int(clock[0]))
        identity.keep()
        first = (data / IDENTITY).read_bytes()
        clock[0] += 200
        identity.keep()
        assert (data / IDENTITY).read_bytes() == first
        clock[0] += 110
        served.world.market.clock.ahead += 310
        Identity(**options, now=lambda: int(clock[0])).keep()  # as after a restart
    second = (data / IDENTITY).read_bytes()
    assert second.split(b"-----END PRIVATE")[0] != first.split(b"-----END PRIVATE")[0]


def test_a_feed_of_work_begins_anew_over_the_connections_of_a_new_certificate(served, data):
    now = served.world.market.clock.now
    with MarketClient(served.url, context=partial(open_context, data)) as client:
        bare = partial(MarketClient, served.url, context=partial(open_context, data, with_identity=False))
        parts = {"client": client, "open_bare": bare, "domain": DOMAIN, "subject": SUBJECT, "data": data}
        Identity(**parts, now=now).keep()
        events = client.work_stream(agent=AGENT.address)
        assert next(events).kind == "begin"
        client.reconnect()
        started = time.monotonic()
        with pytest.raises(ServiceUnavailable):
            next(events)
        assert time.monotonic() - started < SOON / 2, "not only once the silence was too long"
        again = client.work_stream(agent=AGENT.address)
        assert next(again).kind == "begin"
        again.close()


def test_with_an_expired_certificate_in_the_folder_a_daemon_gets_a_new_one(served, data):
    chain, key = served.ca.leaf(NODE_ID, begin=-9 * MINUTE, end=-MINUTE)
    (data / IDENTITY).write_bytes(key + chain)
    expired = serial(data)
    with MarketClient(served.url, context=partial(open_context, data)) as client:
        assert keep_identity(client, DOMAIN, SUBJECT, data)
        assert serial(data) != expired
        assert client.config()["market"] == served.world.market.address


def test_without_tls_nothing_is_asked(data):
    with MarketClient("http://127.0.0.1:9") as client:
        assert keep_identity(client, DOMAIN, SUBJECT, data) == []


# --- rotation -----------------------------------------------------------------------------------------------------


def der(chain: bytes) -> bytes:
    return x509.load_pem_x509_certificate(chain).public_bytes(Encoding.DER)


def test_a_change_of_roots_strands_nobody_until_the_old_one_is_dropped(tmp_path, ca):
    now, old = int(time.time()), der(ca.leaf(NODE_ID)[0])
    make_root(tmp_path / "root-2", DOMAIN_NAME, 10)
    assert trust_root(ca.issuer, tmp_path / "root-2" / "root.pem") == 2
    make_issuer(tmp_path / "root-2", tmp_path / "ca-2", 5, ca.issuer)
    make_issuer(tmp_path / "root-2", tmp_path / "ca-3", 5)
    ca.issuer = tmp_path / "ca-2"
    new = der(ca.leaf(NODE_ID)[0])
    first, second, third = (
        FileAuthority(folder, seconds=60, is_required=True)
        for folder in (tmp_path / "authority" / "ca", tmp_path / "ca-2", tmp_path / "ca-3")
    )
    assert {str(second.identify(one, now)) for one in (old, new)} == {NODE_ID}
    assert first.bundle.count("BEGIN CERT") == second.bundle.count("BEGIN CERT") == 2
    with pytest.raises(Unauthorized):
        third.identify(old, now)


def test_files_of_an_authority_are_for_their_owner_and_never_overwritten(tmp_path, ca):
    files = [path for path in (tmp_path / "authority").rglob("*") if path.is_file()]
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    before = {path: path.read_bytes() for path in files}
    with pytest.raises(ConflictError):
        make_root(ca.root, DOMAIN_NAME, 10)
    with pytest.raises(ConflictError):
        make_issuer(ca.root, ca.issuer, 5)
    assert {path: path.read_bytes() for path in files} == before


def test_roots_of_another_trust_domain_are_not_mixed_in(tmp_path, ca):
    make_root(tmp_path / "other", "other.example", 10)
    with pytest.raises(SettingsError):
        trust_root(ca.issuer, tmp_path / "other" / "root.pem")
    with pytest.raises(SettingsError):
        make_issuer(tmp_path / "other", tmp_path / "mixed", 5, ca.issuer)


# --- behind nginx ---------------------------------------------------------------------------------------------------

NODES = (ROOT / "scripts" / "operations" / "nginx-nodes.conf").read_text()


@needs_nginx
def test_behind_nginx_as_we_configure_it_a_node_is_known_by_its_certificate_alone(tmp_path, ca, monkeypatch):
    monkeypatch.setattr("tests.integration.test_proxy.CONFIGURATION", NODES)
    for name, path in {"fullchain": ca.server / "server.pem", "privkey": ca.server / "server.key"}.items():
        shutil.copy(path, tmp_path / f"{name}.pem")
    shutil.copy(ca.issuer / BUNDLE, tmp_path / "nodes.pem")
    secure, plain = free_port(), free_port()
    with Secured(tmp_path, ca, plain=True, certificate_proxies="127.0.0.1") as running:
        path = write_configuration(tmp_path, running.url, secure, plain)
        command = ["nginx", "-e", "stderr", "-p", str(tmp_path), "-c", str(path)]
        checked = subprocess.run([*command, "-t"], capture_output=True, text=True, timeout=30, check=False)
        assert checked.returncode == 0 and "warn" not in checked.stderr, checked.stderr
        with ManagedProcess("nginx", command, tmp_path / "nginx.log") as nginx:
            running.url = f"https://127.0.0.1:{secure}"
            chain, key = ca.leaf(NODE_ID)
            with running.client() as stranger, running.client(chain, key) as node:
                nginx.wait_ready(lambda: answers(stranger), SOON)
                claimed = running.beat(stranger, **{"X-Client-Cert": quote(chain.decode())})
                assert (claimed.status_code, running.beat(node).status_code) == (401, 200)
            other = Ca(tmp_path / "other").leaf(NODE_ID)
            with running.client(*other) as liar:
                assert running.beat(liar).status_code == 400  # nginx's own answer


def answers(client: httpx.Client) -> bool:
    try:
        return client.get("/api/v1/health/live").status_code == 200
    except httpx.TransportError:
        return False
