"""TLS in front of a market: nginx with the configuration that we give away, and whose word for an address counts."""

import datetime
import re
import shutil
import subprocess
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from marketplace.api.app import build_app
from marketplace.bootstrap import server_config
from marketplace.devnet import ManagedProcess, free_port
from marketplace.domain.rules import Rules
from marketplace.settings import MarketSettings
from scripts.toolchain import ROOT
from tests.fakes.service import Service
from tests.fakes.waiting import SOON
from tests.fakes.world import World

CONFIGURATION = (ROOT / "scripts" / "operations" / "nginx.conf").read_text()
HOST = "market.example"
needs_nginx = pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx (Debian: nginx-light) is not installed")


def served(folder: Path, **settings: str) -> Service:
    """A market in memory behind the real server, as `hive market up` configures it."""
    app = build_app(World(folder, rules=Rules(requests_per_minute=100)).market, with_workers=False)
    files = {"address_book": folder, "operator_keystore": folder}
    return Service(app, server_config(app, MarketSettings(**files, port=0, **settings)))


def left(client: httpx.Client, url: str, claimed: str) -> int:
    """How many requests the market still grants who asks, who claims to be somebody behind a proxy."""
    answer = client.get(f"{url}/api/v1/health/live", headers={"X-Forwarded-For": claimed, "Host": HOST})
    assert answer.status_code == 200
    return int(re.search(r"r=(\d+)", answer.headers["RateLimit"])[1])


@pytest.fixture
def client():
    with httpx.Client(trust_env=False, verify=False, timeout=SOON) as opened:
        yield opened


def test_a_proxy_on_this_machine_says_whose_a_request_is(tmp_path, client):
    with served(tmp_path) as service:
        assert [left(client, service.url, f"203.0.113.{each}") for each in (1, 2, 1)] == [99, 99, 98]


def test_nobody_is_believed_who_is_none_of_the_proxies(tmp_path, client):
    with served(tmp_path, proxies="10.0.0.0/8,192.0.2.7") as service:
        assert [left(client, service.url, f"203.0.113.{each}") for each in (1, 2, 3)] == [99, 98, 97]


def test_a_proxy_may_be_named_by_its_network(tmp_path, client):
    with served(tmp_path, proxies="127.0.0.0/8") as service:
        assert [left(client, service.url, f"203.0.113.{each}") for each in (1, 2, 1)] == [99, 99, 98]


@pytest.fixture
def certificate(tmp_path) -> Path:
    """A folder with a certificate that the test signs itself."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    now = datetime.datetime.now(datetime.UTC)
    day = datetime.timedelta(days=1)
    built = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    built = built.serial_number(1).not_valid_before(now - day).not_valid_after(now + day).sign(key, hashes.SHA256())
    (tmp_path / "fullchain.pem").write_bytes(built.public_bytes(serialization.Encoding.PEM))
    (tmp_path / "privkey.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return tmp_path


def write_configuration(folder: Path, market: str, secure: int, plain: int) -> Path:
    """What we give away, with ports and files of this test's."""
    text = re.sub(r"    listen \[::\].*\n", "", CONFIGURATION)
    for old, new in {
        "listen 443 ssl": f"listen 127.0.0.1:{secure} ssl",
        "listen 80": f"listen 127.0.0.1:{plain}",
        "/etc/ssl/market/": f"{folder}/",
        "http://127.0.0.1:8080": market,
    }.items():
        assert old in text
        text = text.replace(old, new)
    paths = "".join(
        f"{each}_temp_path {folder}/{each};\n" for each in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    path = folder / "nginx.conf"
    path.write_text(
        f"pid {folder}/pid;\nerror_log stderr;\ndaemon off;\nevents {{}}\nhttp {{\naccess_log off;\n{paths}{text}\n}}\n"
    )
    return path


@needs_nginx
def test_behind_nginx_as_we_configure_it_nobody_chooses_the_address_that_is_counted(tmp_path, client, certificate):
    secure, plain = free_port(), free_port()
    with served(tmp_path / "market") as market:
        path = write_configuration(certificate, market.url, secure, plain)
        command = ["nginx", "-e", "stderr", "-p", str(tmp_path), "-c", str(path)]
        checked = subprocess.run([*command, "-t"], capture_output=True, text=True, timeout=30, check=False)
        assert checked.returncode == 0 and "warn" not in checked.stderr, checked.stderr
        with ManagedProcess("nginx", command, tmp_path / "nginx.log") as nginx:
            url = f"https://127.0.0.1:{secure}"
            nginx.wait_ready(lambda: answers(client, url), SOON)
            first = left(client, url, "203.0.113.1")
            assert left(client, url, "203.0.113.2") == first - 1
            moved = client.get(f"http://127.0.0.1:{plain}/status", headers={"Host": HOST})
            assert (moved.status_code, moved.headers["Location"]) == (308, f"https://{HOST}/status")


def answers(client: httpx.Client, url: str) -> bool:
    try:
        return client.get(f"{url}/api/v1/health/live", headers={"Host": HOST}).status_code == 200
    except httpx.TransportError:
        return False
