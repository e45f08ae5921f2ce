"""The HTTP SDK: what goes over the wire, what comes back as an error, what is tried again."""

import gzip
import json

import httpx
import pytest

from marketplace.client import MarketClient
from marketplace.client.transport import ATTEMPTS, Transport
from marketplace.errors import (
    DigestMismatch,
    DuplicateOrder,
    InputError,
    InsufficientFunds,
    NotFound,
    Reverted,
    ServiceUnavailable,
    problem_from_error,
)
from marketplace.protocol.canonical import sha256_digest
from marketplace.protocol.messages import Cancel, Heartbeat
from marketplace.protocol.metering import Resources
from tests.fakes.recursion import raised_recursion_limit

ALICE = "0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf"


class Recorder:
    """A market that answers from a script and remembers what it was asked."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def client(self) -> MarketClient:
        made = MarketClient("http://market.test/", transport=httpx.MockTransport(self))
        made._transport._sleep = lambda _: None
        return made

    @property
    def body(self):
        return json.loads(self.requests[-1].content)


def problem(error) -> httpx.Response:
    return httpx.Response(error.status, json=problem_from_error(error))


@pytest.mark.parametrize(
    ("call", "method", "path"),
    [
        (lambda c: c.health(), "GET", "/health"),
        (lambda c: c.config(), "GET", "/api/v1/config"),
        (lambda c: c.job("0xab"), "GET", "/api/v1/jobs/0xab/status"),
        (lambda c: c.job_cost("0xab"), "GET", "/api/v1/jobs/0xab/cost"),
        (lambda c: c.job_logs("0xab"), "GET", "/api/v1/jobs/0xab/logs"),
        (lambda c: c.job_result("0xab"), "GET", "/api/v1/jobs/0xab/result"),
        (lambda c: c.job_explain("0xab"), "GET", "/api/v1/jobs/0xab/explain"),
        (lambda c: c.request_refund("0xab"), "POST", "/api/v1/jobs/0xab/refund"),
        (lambda c: c.lease("0xab"), "GET", "/api/v1/leases/0xab"),
        (lambda c: c.attestation("0xab"), "GET", "/api/v1/leases/0xab/attestation"),
        (lambda c: c.round(7), "GET", "/api/v1/rounds/7"),
        (lambda c: c.transcript(7), "GET", "/api/v1/rounds/7/transcript"),
        (lambda c: c.cluster_status(), "GET", "/api/v1/cluster/status"),
        (lambda c: c.account(ALICE), "GET", f"/api/v1/accounts/{ALICE}"),
        (lambda c: c.register_account(ALICE), "POST", "/api/v1/accounts"),
    ],
)
def test_each_call_reaches_its_endpoint(call, method, path):
    market = Recorder(httpx.Response(200, json={}))
    call(market.client())
    assert (market.requests[0].method, market.requests[0].url.path) == (method, path)


def test_a_quote_names_resources_as_a_bid_does_and_wide_numbers_as_strings():
    market = Recorder(httpx.Response(200, json={"offers": []}))
    market.client().quote(Resources(0, 2, 512, 300, 5 * 10**9, 10), replicas=3, max_price=2**60)
    assert market.body == {
        "resources": {
            "gpus": 0,
            "vcpus": 2,
            "memoryMb": 512,
            "durationSeconds": 300,
            "fuel": "5000000000",
            "egressMb": 10,
        },
        "replicas": 3,
        "maxPrice": str(2**60),
    }


def test_filters_that_are_not_given_are_not_sent():
    market = Recorder(httpx.Response(200, json={"jobs": []}))
    market.client().jobs(renter=ALICE)
    assert dict(market.requests[0].url.params) == {"renter": ALICE}


def test_lists_come_bare_or_under_their_name():
    for answer in ([{"leaseId": "0x1"}], {"leases": [{"leaseId": "0x1"}]}):
        assert Recorder(httpx.Response(200, json=answer)).client().leases() == [{"leaseId": "0x1"}]


@pytest.mark.parametrize(
    "error",
    [
        NotFound("job", "0xab"),
        InsufficientFunds("Too little.", hint="Deposit more.", free=1, needed=2),
        Reverted("PriceAboveMax", {"price": 2}),
    ],
)
def test_the_error_that_the_market_raised_is_raised_here(error):
    with pytest.raises(type(error)) as caught:
        Recorder(problem(error)).client().job("0xab")
    assert (caught.value.message, caught.value.hint) == (error.message, error.hint)


def test_a_market_that_is_away_is_named_with_what_to_do():
    market = Recorder(httpx.ConnectError("Connection refused"))
    with pytest.raises(ServiceUnavailable) as caught:
        market.client().health()
    assert "http://market.test" in caught.value.message and "Connection refused" in caught.value.message
    assert "hive dev" in caught.value.hint
    assert len(market.requests) == ATTEMPTS


@pytest.mark.parametrize("answer", [httpx.ConnectError("refused"), httpx.Response(500), httpx.Response(200, text="x")])
def test_a_password_in_the_markets_address_is_in_no_message(answer):
    answers = httpx.MockTransport(Recorder(answer))
    market = Transport("http://me:geheim@market.test/a@b/", transport=answers, sleep=lambda _: None)
    with pytest.raises(ServiceUnavailable) as caught:
        market.json("POST", "/x")
    told = f"{caught.value.message} {caught.value.hint} {caught.value.values}"
    assert "geheim" not in told and "http://market.test/a@b" in told


@pytest.mark.parametrize("address", ["http://host:port:9", "http://me:geheim@host:port:9"])
def test_what_is_no_address_is_refused_with_what_to_write(address):
    with pytest.raises(InputError, match="host:port:9 is not the address of a market") as caught:
        MarketClient(address)
    assert "http://HOST:PORT" in caught.value.hint and "geheim" not in caught.value.message


def test_a_read_is_tried_again_until_the_market_is_back():
    market = Recorder(httpx.ReadTimeout("slow"), httpx.Response(503), httpx.Response(200, json={"status": "ok"}))
    assert market.client().health() == {"status": "ok"}
    assert len(market.requests) == 3


def test_what_is_not_known_to_be_repeatable_is_sent_only_once():
    market = Recorder(httpx.ReadTimeout("slow"))
    cancel = Cancel(signer=ALICE, kind=0, salt=1)
    with pytest.raises(ServiceUnavailable):
        market.client().cancel(cancel, "0x")
    assert len(market.requests) == 1


def test_the_next_salt_is_the_accounts():
    market = Recorder(httpx.Response(200, json={"nextSalt": 7}))
    assert market.client().next_salt(ALICE) == 7
    assert market.requests[0].url.path == f"/api/v1/accounts/{ALICE}"


def test_a_heartbeat_may_be_sent_again():
    market = Recorder(httpx.ReadTimeout("slow"), httpx.Response(200, json={}))
    market.client().heartbeat(Heartbeat(agent=ALICE, profile_digest="0x" + "00" * 32, sent_at=1, drains_by=0), "0x")
    assert [request.url.path for request in market.requests] == [f"/api/v1/nodes/{ALICE}/heartbeat"] * 2


def test_pauses_between_tries_double():
    pauses = []
    transport = Transport(
        "http://market.test",
        transport=httpx.MockTransport(Recorder(httpx.Response(503))),
        sleep=pauses.append,
    )
    with pytest.raises(ServiceUnavailable):
        transport.request("GET", "/health")
    assert pauses == [0.2, 0.4, 0.8]


def test_a_refusal_is_final_and_not_tried_again():
    market = Recorder(problem(DuplicateOrder("Known already.")))
    with pytest.raises(DuplicateOrder):
        market.client().get_blob("0x" + "00" * 32)
    assert len(market.requests) == 1


@pytest.mark.parametrize("answer", [httpx.Response(500, text="<html>"), httpx.Response(418, json=["odd"])])
def test_an_answer_without_explanation_says_which_call_and_status(answer):
    with pytest.raises(ServiceUnavailable, match=rf"GET /health with HTTP {answer.status_code}"):
        Recorder(answer).client().health()


def test_a_page_that_is_not_json_is_not_a_market():
    with pytest.raises(ServiceUnavailable, match="not JSON"):
        Recorder(httpx.Response(200, text="<html>")).client().health()


@pytest.mark.parametrize("status", [200, 500])
@pytest.mark.parametrize("text", ["[" * 10_000 + "]" * 10_000, "9" * 5_000, '{"a": NaN}', '{"a": "\\ud800"}'])
def test_an_answer_that_would_harm_its_reader_is_refused_like_any_other_page(status, text):
    with raised_recursion_limit(), pytest.raises(ServiceUnavailable, match=r"not JSON|no explanation"):
        Recorder(httpx.Response(status, text=text)).client().health()


def test_a_blob_goes_up_under_its_digest_and_is_checked_coming_down():
    data, digest = b"bytes", sha256_digest(b"bytes")
    market = Recorder(httpx.Response(201), httpx.Response(200, content=data), httpx.Response(200, content=b"others"))
    client = market.client()
    assert client.put_blob(data) == digest
    assert market.requests[0].url.path == f"/api/v1/blobs/{digest}" and market.requests[0].content == data
    assert client.get_blob(digest) == data
    with pytest.raises(DigestMismatch):
        client.get_blob(digest)


def test_a_blob_under_a_wrong_digest_is_not_even_sent():
    market = Recorder(httpx.Response(201))
    with pytest.raises(DigestMismatch):
        market.client().put_blob(b"bytes", "0x" + "00" * 32)
    assert not market.requests


def test_has_blob_asks_without_fetching():
    assert Recorder(httpx.Response(200)).client().has_blob("0x" + "00" * 32)
    missing = Recorder(httpx.Response(404, json=problem_from_error(NotFound("blob", "0x"))))
    assert not missing.client().has_blob("0x" + "00" * 32)
    assert missing.requests[0].method == "HEAD"


class Endless(httpx.SyncByteStream):
    """Bytes without an end, counted as they are taken."""

    def __init__(self, data: bytes) -> None:
        self.data, self.taken = data, 0

    def __iter__(self):
        while True:
            self.taken += len(self.data)
            yield self.data


@pytest.mark.parametrize("status", [200, 404])
def test_an_answer_without_an_end_is_left_where_it_is_too_much(status):
    endless = Endless(b"x" * 1_000)
    recorder = Recorder(httpx.Response(status, stream=endless))
    with pytest.raises(ServiceUnavailable, match="more than the 5000 bytes"):
        recorder.client().get_blob(sha256_digest(b""), 5_000)
    assert endless.taken == 6_000 and len(recorder.requests) == 1


def test_an_answer_that_unpacks_to_too_much_is_left_as_well():
    packed = gzip.compress(b"\0" * 10_000_000)
    bomb = httpx.Response(200, headers={"Content-Encoding": "gzip"}, stream=Endless(packed))
    with pytest.raises(ServiceUnavailable, match="more than the 100000 bytes"):
        Recorder(bomb).client().get_blob(sha256_digest(b""), 100_000)


def test_a_packed_answer_is_unpacked():
    packed = httpx.Response(200, headers={"Content-Encoding": "gzip"}, content=gzip.compress(b"hello"))
    assert Recorder(packed).client().get_blob(sha256_digest(b"hello"), 5) == b"hello"
