"""Calls of strangers' endpoints: to addresses that were checked, over TLS, bounded, none waiting for another."""

import time

import pytest

from marketplace.adapters.courier import MAX_ANSWER_BYTES, HttpCourier
from marketplace.ports import Parcel
from tests.fakes.endpoint import LOOPBACK, WAIT_SECONDS, resolve, running_endpoint


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory):
    with running_endpoint(tmp_path_factory.mktemp("endpoint")) as running:
        yield running


@pytest.fixture
def make(endpoint):
    """Couriers, closed in the end."""
    made = []

    def build(*networks, **more) -> HttpCourier:
        made.append(HttpCourier(networks, **{"resolve": resolve, "tls": endpoint.authority} | more))
        return made[-1]

    yield build
    for one in made:
        one.close()


def parcel(url: str, name: str = "msg_1") -> Parcel:
    return Parcel(name, url, {"webhook-id": name}, b'{"a":1}')


def call(courier: HttpCourier, *parcels: Parcel) -> dict:
    """Send, and wait for what becomes of all."""
    for one in parcels:
        courier.send(one)
    answered, deadline = {}, time.monotonic() + WAIT_SECONDS
    while len(answered) < len(parcels):
        assert time.monotonic() < deadline, answered
        answered |= {one.id: one for one in courier.collect()}
        time.sleep(0.01)
    return answered


def test_an_endpoint_gets_headers_and_body_as_they_are(make, endpoint):
    done = call(make(*LOOPBACK), parcel(endpoint.url("/plain?a=b")))
    assert (done["msg_1"].status, done["msg_1"].error) == (200, "")
    (request,) = endpoint.at("/plain?a=b")
    assert request.body == b'{"a":1}' and request.headers["webhook-id"] == "msg_1"
    assert request.headers["host"] == f"hooks.test:{endpoint.port}"


def test_a_redirect_is_an_answer_and_is_not_followed(make, endpoint):
    before = len(endpoint.at("/hook"))
    assert call(make(*LOOPBACK), parcel(endpoint.url("/moved")))["msg_1"].status == 307
    assert len(endpoint.at("/hook")) == before


def test_of_a_big_answer_little_is_read(make, endpoint):
    started = time.monotonic()
    assert call(make(*LOOPBACK), parcel(endpoint.url("/big")))["msg_1"].status == 200
    assert MAX_ANSWER_BYTES < 5_000_000 and time.monotonic() - started < 10


@pytest.mark.parametrize("host", ["hooks.test", "metadata.test", "mixed.test", "unknown.test"])
def test_a_name_of_any_address_that_is_not_public_is_not_called(make, endpoint, host):
    courier = make(*(LOOPBACK if host != "hooks.test" else ()))
    before = len(endpoint.requests)
    answer = call(courier, parcel(endpoint.url("/hook", host)))["msg_1"]
    assert answer.status == 0 and "Forbidden" in answer.error and host in answer.error
    assert not [address for address in resolve(host) if address in answer.error], "it is told to nobody"
    assert len(endpoint.requests) == before


def test_what_is_connected_to_is_what_was_checked_whatever_the_name_says_next(make, endpoint):
    answers = iter([["127.0.0.1"], ["169.254.169.254"]])
    courier = make(*LOOPBACK, resolve=lambda _: next(answers))
    assert call(courier, parcel(endpoint.url("/rebound")))["msg_1"].status == 200


def test_a_certificate_of_an_unknown_authority_is_refused(endpoint, make):
    courier = make(*LOOPBACK, tls=None)
    answer = call(courier, parcel(endpoint.url()))["msg_1"]
    assert answer.status == 0 and "CERTIFICATE_VERIFY_FAILED" in answer.error


def test_a_certificate_of_another_name_is_refused(endpoint, make):
    courier = make(*LOOPBACK, resolve=lambda _: ["127.0.0.1"])
    answer = call(courier, parcel(endpoint.url(host="other.test")))["msg_1"]
    assert answer.status == 0 and "CERTIFICATE_VERIFY_FAILED" in answer.error


def test_a_slow_endpoint_holds_up_no_other_and_is_given_up(make, endpoint):
    endpoint.release.clear()
    courier = make(*LOOPBACK, seconds=2.0)
    for number in range(20):
        courier.send(parcel(endpoint.url("/slow"), f"slow_{number}"))
    started = time.monotonic()
    courier.send(parcel(endpoint.url("/quick"), "quick"))
    assert endpoint.wait(1, "/quick") and time.monotonic() - started < 2.0
    found, deadline = {}, time.monotonic() + WAIT_SECONDS
    while len(found) < 21 and time.monotonic() < deadline:
        found |= {one.id: one for one in courier.collect()}
        time.sleep(0.01)
    assert found["quick"].status == 200
    assert {one.error for name, one in found.items() if name != "quick"} == {"no answer within 2 s"}
    endpoint.release.set()


def test_a_parcel_that_is_under_way_is_not_sent_twice(make, endpoint):
    endpoint.release.clear()
    courier = make(*LOOPBACK)
    for _ in range(3):
        courier.send(parcel(endpoint.url("/slow"), "msg_once"))
    endpoint.release.set()
    assert call(courier, parcel(endpoint.url("/after"), "msg_after"))
    assert [one.headers["webhook-id"] for one in endpoint.at("/slow")].count("msg_once") == 1


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://hooks.example/x", "https"),
        ("ftp://hooks.example/x", "https://HOST"),
        ("https://user@hooks.example/", "user name"),
        ("https://hooks.example/#part", "fragment"),
        ("https:///nowhere", "https://HOST"),
        ("https://hooks.example:99999/", "no address"),
        ("https://hooks.example/ two", "ASCII"),
        ("https://h\u00f6ks.example/", "ASCII"),
        ("https://10.0.0.1/", "only public"),
        ("https://[::1]/", "only public"),
        ("https://169.254.169.254/latest", "only public"),
        ("https://127.0.0.1:8080/", "only public"),
        ("http://8.8.8.8/", "only public"),
        ("https://hooks.example/" + "a" * 2000, "2000"),
    ],
)
def test_an_address_that_is_never_called_is_refused_with_the_reason(url, why):
    assert why in HttpCourier(resolve=resolve).refusal(url)


@pytest.mark.parametrize("url", ["https://hooks.example/a?b=c", "https://8.8.8.8:8443/", "https://hooks.example"])
def test_a_public_https_address_is_not_refused(url):
    assert HttpCourier(resolve=resolve).refusal(url) == ""


def test_without_tls_nothing_is_called_but_in_networks_that_the_operator_named(tmp_path):
    with running_endpoint(tmp_path, plain=True) as plain:
        allowed, strict = HttpCourier(LOOPBACK, resolve=resolve), HttpCourier(resolve=resolve)
        for courier, expected in ((allowed, 200), (strict, 0)):
            for host in ("127.0.0.1", "hooks.test"):
                url = plain.url(host=host, scheme="http")
                assert (courier.refusal(url) == "") is (expected == 200)
                assert call(courier, parcel(url))["msg_1"].status == expected
            courier.close()
        assert len(plain.requests) == 2
