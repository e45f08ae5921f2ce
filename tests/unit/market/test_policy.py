"""The operator's policy: admits what it clearly allows, and refuses in every other case."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from marketplace.adapters.policy import RegoPolicy
from marketplace.api.app import build_app
from marketplace.domain.rules import Rules
from marketplace.errors import PolicyRefused, ServiceUnavailable, SettingsError
from marketplace.protocol.canonical import sha256_digest
from marketplace.services.place_order import place_ask
from tests.fakes.http import client_of
from tests.fakes.world import DOMAIN, PROVIDER, RENTER, USDC, World

HEAD = "package computehive.admission\nimport rego.v1\n"
PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "admission-policy.md"
SLOW = """
allow if {
    input.order.maxPrice
    some i in numbers.range(1, 3000)
    some j in numbers.range(1, 3000)
    i * j == 8999999
}
allow if input.order == {}
default allow := false
"""


@pytest.fixture
def opened():
    """Makes policies, and ends their processes."""
    policies: list[RegoPolicy] = []

    def open_policy(folder: Path, text: str, seconds: float = 5.0) -> RegoPolicy:
        (folder / "policy.rego").write_text(text)
        policies.append(RegoPolicy(folder / "policy.rego", seconds))
        return policies[-1]

    yield open_policy
    for one in policies:
        one.close()


def ruled(world: World, policy: RegoPolicy) -> World:
    world.market = replace(world.market, policy=policy)
    return world


def refused_entries(world) -> list:
    with world.market.store.read() as tx:
        return [one for one in tx.log.page(0, 100) if one.kind == "order_refused"]


def test_the_policy_of_the_documentation_admits_and_refuses_as_it_says(world, opened, tmp_path):
    text = re.search(r"```rego\n(.*?)```", PAGE.read_text(), re.DOTALL).group(1)
    blocked = re.search(r"0x[0-9a-fA-F]{40}", text).group(0)
    ruled(world, opened(tmp_path, text.replace(blocked, PROVIDER.address)))
    with pytest.raises(PolicyRefused, match=f"{PROVIDER.address} is blocked here") as caught:
        world.offer()
    assert caught.value.values["reason"] == f"{PROVIDER.address} is blocked here"
    world.submit(world.bid(max_price=5 * USDC))
    with pytest.raises(PolicyRefused, match="does not allow it"):
        world.submit(world.bid(max_price=5 * USDC + 1))


def test_a_refusal_is_a_problem_document_with_the_reason_and_one_entry_of_the_log(world, opened, tmp_path):
    policy = opened(
        tmp_path, HEAD + 'default allow := true\ndeny contains "no \\"jobs\\"\\nhere" if input.kind == "bid"'
    )
    ruled(world, policy)
    bid = world.bid()
    body = {"bid": bid.to_json(), "signature": bid.sign(DOMAIN, RENTER.key), "jobSpec": world.job_spec().to_json()}
    with client_of(build_app(world.market, with_workers=False)) as api:
        for _ in range(2):
            response = api.post("/api/v1/jobs/submit", json=body)
            document = response.json()
            assert (response.status_code, document["code"]) == (403, "policy_refused")
            assert document["values"] == {"reason": 'no "jobs"\nhere', "orderHash": bid.struct_hash()}
        assert api.get("/api/v1/jobs").json()["jobs"] == []
    (entry,) = refused_entries(world)
    assert entry.subject == bid.struct_hash()
    assert entry.detail == {"signer": RENTER.address, "order": "bid", "reason": 'no "jobs"\nhere'}


def test_the_policy_sees_the_order_and_what_came_with_it(world, opened, tmp_path):
    policy = f"""
default allow := false
allow if {{
    input.kind == "ask"
    input.signer == "{PROVIDER.address}"
    input.order.units == 2
    input.profile.region == "eu"
    startswith(input.orderHash, "0x")
}}
allow if {{
    input.kind == "bid"
    input.jobSpec.name == "hello"
    to_number(input.order.deadline) > input.now
}}
"""
    ruled(world, opened(tmp_path, HEAD + policy))
    world.offer()
    world.submit()
    ask = world.ask(units=3)
    with pytest.raises(PolicyRefused):
        place_ask(world.market, ask, ask.sign(DOMAIN, PROVIDER.key), world.profile())


@pytest.mark.parametrize(
    "rules",
    [
        'allow := "true"\nallow_if := 1',
        "allow := 1",
        "default allow := false",
        'allow if input.kind == "bid"\ndefault allow := false\ndeny := "a word"',
        "default allow := false\nallow if { input.order.maxPrice; input.order.nothing == 1 }",
        'default allow := true\ndeny := {"reason": 1} if input.order.maxPrice',
    ],
)
def test_whatever_is_no_clear_yes_refuses(world, opened, tmp_path, rules):
    try:
        policy = opened(tmp_path, HEAD + rules)
    except SettingsError:
        return  # refused even earlier
    ruled(world, policy)
    with pytest.raises(PolicyRefused):
        world.submit()


@pytest.mark.parametrize(
    "failing",
    [
        'default allow := true\ndeny contains "x" if { input.order.maxPrice; 1 / (input.now - input.now) > 0 }',
        "default allow := true\nallow := false if input.order.maxPrice\nallow := true if input.order.renter",
    ],
    ids=["a builtin that fails", "two values for one rule"],
)
def test_an_error_while_it_is_evaluated_refuses_and_is_told(world, opened, tmp_path, failing):
    ruled(world, opened(tmp_path, HEAD + failing))
    with pytest.raises(ServiceUnavailable, match="nothing is admitted"):
        world.submit()


def test_a_policy_that_takes_too_long_admits_nothing_and_is_asked_again_for_the_next_order(world, opened, tmp_path):
    policy = ruled(world, opened(tmp_path, HEAD + SLOW, seconds=0.5)).market.policy
    with pytest.raises(ServiceUnavailable, match=r"0\.5 s"):
        world.submit()
    assert policy.refusal({"kind": "ask", "order": {}}) == ""
    assert policy.refusal({"kind": "ask", "order": {"units": 1}}) == "it does not allow it"


def test_a_killed_process_is_started_again(opened, tmp_path):
    policy = opened(tmp_path, HEAD + "default allow := true")
    policy._process.kill()
    policy._process.wait()
    assert policy.refusal({"kind": "bid"}) == ""


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("package computehive.admission\nallow :=", "Invalid assignment"),
        ("package another\nimport rego.v1\ndefault allow := true", "allow is not defined"),
        (HEAD + 'allow if input.kind == "bid"', "says nothing of asks"),
        (HEAD + 'default allow := "yes"', "allow is not defined"),
        ("", "Invalid file"),
        (HEAD + "default allow := true\nallow := false if 1 / 0 > 1", "builtin|divide"),
    ],
)
def test_a_broken_policy_keeps_the_market_from_starting(opened, tmp_path, text, told):
    with pytest.raises(SettingsError, match=told):
        opened(tmp_path, text)


def test_a_file_that_is_not_there_keeps_the_market_from_starting(tmp_path):
    with pytest.raises(SettingsError, match="cannot be read"):
        RegoPolicy(tmp_path / "none.rego")


def test_a_policy_sees_nothing_of_the_process_around_it(opened, tmp_path, monkeypatch):
    monkeypatch.setenv("COMPUTEHIVE_MARKET_PASSWORD", "planted")
    policy = opened(tmp_path, HEAD + 'default allow := true\ndeny contains sprintf("%v", [opa.runtime().env])')
    assert policy.refusal({"kind": "bid"}) in ("{}", "")
    reach = 'deny contains "out" if http.send({"method": "get", "url": "http://127.0.0.1:1"})'
    with pytest.raises(SettingsError, match="builtin"):
        opened(tmp_path, HEAD + "default allow := true\n" + reach)


def test_refusals_count_against_the_signers_share_of_orders(tmp_path, opened):
    world = World(tmp_path, rules=Rules(max_blob_bytes=10_000, orders_per_minute=2))
    ruled(world, opened(tmp_path, HEAD + "default allow := false"))
    with client_of(build_app(world.market, with_workers=False)) as api:
        statuses = []
        for _ in range(3):
            bid = world.bid()
            body = {"bid": bid.to_json(), "signature": bid.sign(DOMAIN, RENTER.key)}
            statuses.append(api.post("/api/v1/jobs/submit", json=body | {"jobSpec": world.job_spec().to_json()}))
    assert [one.status_code for one in statuses] == [403, 403, 429]
    assert len(refused_entries(world)) == 2


def test_the_digest_names_the_policy(opened, tmp_path):
    text = HEAD + "default allow := true"
    assert opened(tmp_path, text).digest == sha256_digest(text.encode())


def test_reading_a_long_policy_may_take_longer_than_an_evaluation(opened, tmp_path):
    """So may its interpreter's start, where the machine is busy: that is no reason to admit nothing."""
    rules = "".join(f'deny contains "no {one}" if input.signer == "{one}"\n' for one in range(1_500))
    policy = opened(tmp_path, f"{HEAD}default allow := false\nallow if input.kind\n{rules}", seconds=1.0)
    assert policy.refusal({"kind": "ask", "signer": "7"}) == "no 7"
    assert policy.refusal({"kind": "ask", "signer": "-"}) == ""


def test_a_process_that_cannot_be_started_admits_nothing_and_the_next_order_asks_again(opened, tmp_path, monkeypatch):
    policy = opened(tmp_path, f"{HEAD}default allow := false\nallow if input.kind\n")
    policy.close()
    with monkeypatch.context() as patched:
        patched.setattr("sys.executable", str(tmp_path / "nothing"))
        with pytest.raises(ServiceUnavailable, match="cannot be started"):
            policy.refusal({"kind": "ask"})
    assert policy.refusal({"kind": "ask"}) == ""
