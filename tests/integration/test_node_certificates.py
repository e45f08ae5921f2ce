"""Nodes and oracles over TLS with certificates: who is believed, behind uvicorn and behind nginx."""

import base64
import ssl
import time
from dataclasses import replace
from hashlib import sha256
from urllib.parse import quote

import httpx
import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID

from marketplace.adapters.authority import FileAuthority
from marketplace.adapters.authority_files import BUNDLE, ISSUER_KEY, ISSUERS, read_key
from marketplace.api.app import build_app
from marketplace.bootstrap import server_config
from marketplace.protocol.messages import Heartbeat
from marketplace.protocol.svid import NODE, ORACLE, CertificateRequest
from marketplace.settings import MarketSettings
from tests.fakes.certificates import MINUTE, Ca, context_with, key_pem, new_request
from tests.fakes.service import Service
from tests.fakes.waiting import SOON
from tests.fakes.world import AGENT, DOMAIN, ORACLES, PROVIDER, RENTER, World

API = "/api/v1"
NODE_ID = f"spiffe://market.example/node/{AGENT.address}"


class Secured:
    """A market in memory behind the real server, with an authority; over TLS unless `plain`."""

    def __init__(self, folder, ca: Ca, *, plain: bool = False, **settings) -> None:
        self.world, self.ca, self.folder = World(folder / "market"), ca, folder
        self.world.market.clock.ahead = int(time.time()) - self.world.chain.time
        self.authority = FileAuthority(ca.issuer, seconds=600, is_required=True)
        market = replace(self.world.market, authority=self.authority)
        app = build_app(market, with_workers=False)
        files = {"address_book": folder, "operator_keystore": folder, "node_ca": ca.issuer}
        if not plain:
            files |= {"tls_certificate": ca.server / "server.pem", "tls_key": ca.server / "server.key"}
        config = server_config(app, MarketSettings(**files, port=0, **settings))
        self._service = Service(app, config)
        self.world.offer()

    def __enter__(self):
        self.url = self._service.start().url
        return self

    def __exit__(self, *_):
        self._service.stop()

    def client(self, chain: bytes = b"", key: bytes = b"") -> httpx.Client:
        context = context_with(self.folder, self.ca.issuer / BUNDLE, chain, key)
        return httpx.Client(base_url=self.url, verify=context, trust_env=False, timeout=SOON)

    def issue(self, account=AGENT, **changes) -> httpx.Response:
        key, csr = new_request()
        self.key = key_pem(key)
        fields = {
            "subject": account.address, "owner": PROVIDER.address, "kind": NODE,
            "csr_digest": "0x" + sha256(csr).hexdigest(), "sent_at": self.world.market.clock.now(),
        } | changes  # fmt: skip
        request = CertificateRequest(**fields)
        body = {"request": request.to_json(), "signature": request.sign(DOMAIN, account.key)}
        with self.client() as client:
            return client.post(f"{API}/certificates", json=body | {"csr": base64.b64encode(csr).decode()})

    def beat(self, client: httpx.Client, account=AGENT, **headers: str) -> httpx.Response:
        now = self.world.market.clock.now()
        said = Heartbeat(agent=account.address, profile_digest=self.world.profile().digest(), sent_at=now, drains_by=0)
        body = {"heartbeat": said.to_json(), "signature": said.sign(DOMAIN, account.key)}
        return client.post(f"{API}/nodes/{account.address}/heartbeat", json=body, headers=headers)


@pytest.fixture
def ca(tmp_path):
    return Ca(tmp_path / "authority")


@pytest.fixture
def served(tmp_path, ca):
    with Secured(tmp_path, ca) as running:
        running.world.chain.state.agents.add((PROVIDER.address, AGENT.address))
        yield running


def test_a_node_with_its_own_certificate_is_heard(served):
    issued = served.issue()
    assert issued.status_code == 201, issued.text
    assert issued.json()["id"] == NODE_ID
    with served.client(issued.json()["certificate"].encode(), served.key) as client:
        heard = served.beat(client)
    assert heard.status_code == 200, heard.text


def test_who_has_no_certificate_is_refused_as_a_node_and_served_as_anybody(served):
    with served.client() as client:
        refused = served.beat(client)
        assert (refused.status_code, refused.json()["code"]) == (401, "unauthorized")
        assert refused.headers["Content-Type"] == "application/problem+json"
        assert client.get(f"{API}/config").status_code == 200
        assert client.get(f"{API}/oracle/claims", params={"oracle": ORACLES[0].address}).status_code == 401


def test_an_oracle_is_served_with_its_own_certificate_and_not_with_anothers(served):
    first = served.issue(ORACLES[0], owner=ORACLES[0].address, kind=ORACLE).json()
    with served.client(first["certificate"].encode(), served.key) as client:
        own, others = (client.get(f"{API}/oracle/claims", params={"oracle": one.address}) for one in ORACLES[:2])
        assert served.beat(client).status_code == 403
    assert (own.status_code, others.status_code) == (200, 403)


def test_a_feed_of_work_is_begun_over_a_connection_with_the_certificate_of_whom_it_is_for(served):
    oracle, agent = {"oracle": ORACLES[0].address}, {"agent": AGENT.address}
    begun = {"none": served.client(), "node": served.client(*served.ca.leaf(NODE_ID))}
    begun["oracle"] = served.client(*served.ca.leaf(f"spiffe://market.example/oracle/{ORACLES[0].address}"))
    found = {}
    for who, client in begun.items():
        with client:
            for whom in (oracle, agent):
                with client.stream("GET", f"{API}/work", params=whom) as answer:
                    found[who, *whom] = answer.status_code
    assert found == {
        ("none", "oracle"): 401, ("none", "agent"): 401, ("node", "oracle"): 403, ("node", "agent"): 200,
        ("oracle", "oracle"): 200, ("oracle", "agent"): 403,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("uris", "status"),
    [
        ((f"spiffe://market.example/node/{PROVIDER.address}",), 403),
        ((f"spiffe://market.example/oracle/{AGENT.address}",), 403),
        ((f"spiffe://other.example/node/{AGENT.address}",), 401),
        ((NODE_ID, f"spiffe://market.example/node/{PROVIDER.address}"), 401),
        (("https://market.example/",), 401),
    ],
    ids=["another node", "the same key as an oracle", "another trust domain", "two names", "no SPIFFE ID"],
)
def test_a_certificate_that_names_another_or_two_is_refused(served, uris, status):
    with served.client(*served.ca.leaf(*uris)) as client:
        assert served.beat(client).status_code == status


def test_a_certificate_of_this_authority_with_the_nodes_name_is_good(served):
    with served.client(*served.ca.leaf(NODE_ID)) as client:
        assert served.beat(client).status_code == 200


@pytest.mark.parametrize("kind", ["expired", "of another authority", "an authority's own"])
def test_a_bad_certificate_ends_the_handshake(served, tmp_path, kind):
    if kind == "expired":
        chain, key = served.ca.leaf(NODE_ID, begin=-9 * MINUTE, end=-MINUTE)
    elif kind == "of another authority":
        chain, key = Ca(tmp_path / "other").leaf(NODE_ID)
    else:
        chain, key = (served.ca.issuer / ISSUERS).read_bytes(), key_pem(read_key(served.ca.issuer / ISSUER_KEY))
    ended = r"(?i)alert|expired|unknown ca|reset|disconnect|eof|broken"
    with served.client(chain, key) as client, pytest.raises(httpx.TransportError, match=ended):
        served.beat(client)


def test_a_certificate_that_expires_while_the_connection_is_open_is_refused(served):
    with served.client(*served.ca.leaf(NODE_ID, end=MINUTE)) as client:
        assert served.beat(client).status_code == 200
        served.world.market.clock.ahead += 61
        assert served.beat(client).status_code == 401


def test_the_header_of_a_stranger_says_nothing(served):
    chain, _ = served.ca.leaf(NODE_ID)
    with served.client() as client:
        assert served.beat(client, **{"X-Client-Cert": quote(chain.decode())}).status_code == 401


def test_the_header_counts_from_a_proxy_that_the_operator_names_and_from_no_other(tmp_path, ca):
    leaf = quote(ca.leaf(NODE_ID)[0].decode().split("-----END CERTIFICATE-----")[0] + "-----END CERTIFICATE-----\n")
    for name, proxies, status in (("near", "127.0.0.0/8", 200), ("far", "10.0.0.0/8", 401), ("none", "", 401)):
        (tmp_path / name).mkdir()
        with (
            Secured(tmp_path / name, ca, plain=True, certificate_proxies=proxies) as running,
            running.client() as client,
        ):
            assert running.beat(client, **{"X-Client-Cert": leaf}).status_code == status
            assert running.beat(client, **{"X-Client-Cert": "nonsense"}).status_code == 401


@pytest.mark.parametrize("kind", ["expired", "of another authority", "an authority's own", "for servers alone"])
def test_a_bad_certificate_is_refused_though_a_proxy_lets_it_pass(tmp_path, ca, kind):
    chain = {
        "expired": lambda: ca.leaf(NODE_ID, begin=-9 * MINUTE, end=-MINUTE)[0],
        "of another authority": lambda: Ca(tmp_path / "other").leaf(NODE_ID)[0],
        "an authority's own": lambda: (ca.issuer / ISSUERS).read_bytes(),
        "for servers alone": lambda: ca.leaf(NODE_ID, purposes=[ExtendedKeyUsageOID.SERVER_AUTH])[0],
    }[kind]()
    leaf = quote(chain.decode().split("-----END CERTIFICATE-----")[0] + "-----END CERTIFICATE-----\n")
    with Secured(tmp_path, ca, plain=True, certificate_proxies="127.0.0.0/8") as running, running.client() as client:
        refused = running.beat(client, **{"X-Client-Cert": leaf})
    assert (refused.status_code, refused.json()["code"]) == (401, "unauthorized")


def test_nobody_is_given_a_certificate_whom_the_chain_does_not_know(served):
    assert served.issue(RENTER).json()["code"] == "wrong_signer"
    assert served.issue(RENTER, owner=RENTER.address).json()["code"] == "insufficient_stake"
    assert served.issue(RENTER, owner=RENTER.address, kind=ORACLE).json()["code"] == "wrong_signer"
    assert served.issue(kind=7).json()["code"] == "malformed_message"
    assert served.issue(subject=PROVIDER.address).json()["code"] == "invalid_signature"
    assert served.issue(csr_digest="0x" + "00" * 32).json()["code"] == "malformed_message"
    assert served.issue(sent_at=1).json()["code"] == "expired_order"


def test_a_slashed_provider_is_given_none(served):
    served.world.chain.state.active[PROVIDER.address] = 0
    assert served.issue().json()["code"] == "insufficient_stake"


def test_whom_the_operator_denies_is_refused_at_once(served):
    issued = served.issue().json()
    with served.client(issued["certificate"].encode(), served.key) as client:
        assert served.beat(client).status_code == 200
        (served.ca.issuer / "denied").write_text(f"{AGENT.address.lower()}\n")
        assert served.beat(client).status_code == 403
    assert served.issue().json()["code"] == "forbidden"


def test_the_market_speaks_no_tls_without_a_certificate_and_asks_nobody_for_one(tmp_path):
    settings = MarketSettings(address_book=tmp_path, operator_keystore=tmp_path)
    assert server_config(build_app(World(tmp_path).market, with_workers=False), settings).ssl_cert_reqs == ssl.CERT_NONE
