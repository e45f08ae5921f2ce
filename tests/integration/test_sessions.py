"""Sessions by a wallet's signature, keys with scopes: what each may do, and what no token is good for any more."""

from dataclasses import replace

import pytest

from marketplace.adapters.store.tables_access import ApiKeyRow, SessionRow
from marketplace.api.app import build_app
from marketplace.domain.access import MOST_KEYS, MOST_SESSIONS, NONCE_SECONDS, SCOPES, SESSION_SECONDS
from marketplace.domain.rules import Rules
from marketplace.protocol.instants import format_instant
from tests.fakes.http import client_of
from tests.fakes.signing_in import API, bearer, make_key, message_for, sign, sign_in
from tests.fakes.world import PROVIDER, RENTER, World, key


@pytest.fixture
def world(tmp_path) -> World:
    return World(tmp_path)


@pytest.fixture
def api(world):
    with client_of(build_app(world.market, with_workers=False)) as client:
        yield client


def refused(answer, status: int, code: str, told: str = "") -> None:
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert told in answer.text


def test_a_signed_message_opens_a_session_that_is_listed_and_ends(api, world):
    session = sign_in(api, world)
    (shown,) = api.get(f"{API}/sessions", headers=session).json()["sessions"]
    assert (shown["account"], shown["current"]) == (RENTER.address, True)
    assert shown["expiresAt"] == world.chain.time + SESSION_SECONDS
    assert api.delete(f"{API}/sessions/current", headers=session).json() == {"ended": shown["id"]}
    refused(api.get(f"{API}/sessions", headers=session), 401, "unauthorized")


def test_a_nonce_is_good_once_also_for_another_process_of_the_market(api, world):
    body = sign(message_for(api, world, RENTER.address), RENTER)
    assert api.post(f"{API}/sessions", json=body).status_code == 201
    refused(api.post(f"{API}/sessions", json=body), 401, "unauthorized", "used already")
    other = replace(world.restarted(), secret=world.market.secret)
    with client_of(build_app(other, with_workers=False)) as second:
        refused(second.post(f"{API}/sessions", json=body), 401, "unauthorized", "used already")
        fresh = sign(message_for(api, world, RENTER.address), RENTER)
        assert second.post(f"{API}/sessions", json=fresh).status_code == 201


def test_a_used_nonce_is_refused_after_its_session_has_ended_and_was_forgotten(api, world):
    body = sign(message_for(api, world, RENTER.address), RENTER)
    token = api.post(f"{API}/sessions", json=body).json()["token"]
    api.delete(f"{API}/sessions/current", headers=bearer(token))
    refused(api.post(f"{API}/sessions", json=body), 401, "unauthorized", "used already")
    world.chain.mine(seconds=SESSION_SECONDS + 2 * NONCE_SECONDS)
    sign_in(api, world)
    refused(api.post(f"{API}/sessions", json=body), 401, "unauthorized", "too old")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"domain": "evil.example"}, "message.domain"),
        ({"domain": "localhost.evil.example"}, "message.domain"),
        ({"uri": "https://evil.example/localhost"}, "message.URI"),
        ({"uri": "did:key:localhost"}, "message.URI"),
        ({"chain_id": 1}, "message.Chain ID"),
        ({"issued_at": "2100-01-01T00:00:00Z"}, "message.Issued At"),
        ({"not_before": "2100-01-01T00:00:00Z"}, "message.Not Before"),
        ({"expiration_time": "2001-01-01T00:00:00Z"}, "message.Expiration Time"),
    ],
)
def test_a_message_for_another_place_chain_or_time_is_refused_by_its_field(api, world, changes, told):
    body = sign(message_for(api, world, RENTER.address, **changes), RENTER)
    refused(api.post(f"{API}/sessions", json=body), 422, "malformed_message", told)


def test_a_nonce_that_was_made_up_or_is_old_is_refused(api, world):
    message = message_for(api, world, RENTER.address)
    changed = message.nonce[:-1] + ("0" if message.nonce[-1] != "0" else "1")
    for nonce in ("12345678", changed, "0" * 64):
        body = sign(replace(message, nonce=nonce), RENTER)
        refused(api.post(f"{API}/sessions", json=body), 401, "unauthorized", "not this market")
    world.chain.mine(seconds=NONCE_SECONDS)
    refused(api.post(f"{API}/sessions", json=sign(message, RENTER)), 401, "unauthorized", "too old")


def test_nobody_signs_in_as_another(api, world):
    body = sign(message_for(api, world, RENTER.address), PROVIDER)
    refused(api.post(f"{API}/sessions", json=body), 422, "invalid_signature", RENTER.address)


def test_an_account_contract_signs_in_by_the_key_that_it_accepts(api, world):
    contract = key(99).address
    world.chain.state.smart_accounts[contract] = RENTER.address
    message = message_for(api, world, contract)
    refused(api.post(f"{API}/sessions", json=sign(message, PROVIDER)), 422, "invalid_signature", "ERC-1271")
    opened = api.post(f"{API}/sessions", json=sign(message, RENTER))
    assert opened.status_code == 201 and opened.json()["account"] == contract


def test_a_session_ends_when_its_message_does_or_after_a_day(api, world):
    ends = world.chain.time + 100
    message = message_for(api, world, RENTER.address, expiration_time=format_instant(ends))
    opened = api.post(f"{API}/sessions", json=sign(message, RENTER)).json()
    lasting = sign_in(api, world)
    assert opened["expiresAt"] == ends
    world.chain.mine(seconds=ends - world.chain.time)
    refused(api.get(f"{API}/sessions", headers=bearer(opened["token"])), 401, "unauthorized")
    world.chain.mine(seconds=SESSION_SECONDS)
    refused(api.get(f"{API}/sessions", headers=lasting), 401, "unauthorized")


def test_of_many_sessions_the_oldest_ends(api, world):
    first, *_, last = [sign_in(api, world) for _ in range(MOST_SESSIONS + 1)]
    refused(api.get(f"{API}/sessions", headers=first), 401, "unauthorized")
    assert len(api.get(f"{API}/sessions", headers=last).json()["sessions"]) == MOST_SESSIONS


def test_a_session_ends_others_of_its_account_and_nobody_elses(api, world):
    one, two, stranger = sign_in(api, world), sign_in(api, world), sign_in(api, world, PROVIDER)
    (own,) = [each["id"] for each in api.get(f"{API}/sessions", headers=one).json()["sessions"] if each["current"]]
    refused(api.delete(f"{API}/sessions/{own}", headers=stranger), 404, "not_found")
    assert api.delete(f"{API}/sessions/{own}", headers=two).status_code == 200
    refused(api.get(f"{API}/sessions", headers=one), 401, "unauthorized")


def test_a_key_is_shown_once_does_what_its_scopes_say_and_is_revoked(api, world):
    session = sign_in(api, world)
    made = make_key(api, session, "keys:read")
    headers = bearer(made["key"])
    (shown,) = api.get(f"{API}/keys", headers=headers).json()["keys"]
    assert "key" not in shown and made["key"].startswith(shown["id"]) and shown["scopes"] == ["keys:read"]
    refused(api.get(f"{API}/sessions", headers=headers), 403, "forbidden", "sessions:read")
    refused(api.post(f"{API}/keys", json={"name": "x", "scopes": ["keys:read"]}, headers=headers), 403, "forbidden")
    refused(api.delete(f"{API}/sessions/current", headers=headers), 403, "forbidden")
    refused(api.delete(f"{API}/keys/{made['id']}", headers=headers), 403, "forbidden")
    assert api.delete(f"{API}/keys/{made['id']}", headers=session).json()["revokedAt"] == world.chain.time
    refused(api.get(f"{API}/keys", headers=headers), 401, "unauthorized")


def test_when_a_key_was_last_used_is_known_to_the_minute(api, world):
    session = sign_in(api, world)
    headers = bearer(make_key(api, session, *SCOPES)["key"])

    def used_at() -> int | None:
        return api.get(f"{API}/keys", headers=session).json()["keys"][0]["usedAt"]

    assert used_at() is None
    first = world.chain.time
    for seconds in (0, 30):
        world.chain.mine(seconds=seconds)
        api.get(f"{API}/keys", headers=headers)
        assert used_at() == first
    world.chain.mine(seconds=40)
    api.get(f"{API}/keys", headers=headers)
    assert used_at() == world.chain.time


def test_a_key_lapses_when_it_was_to(api, world):
    session = sign_in(api, world)
    wrong = {"name": "test", "scopes": ["keys:read"], "expiresAt": world.chain.time}
    refused(api.post(f"{API}/keys", json=wrong, headers=session), 422, "malformed_message", "expiresAt")
    headers = bearer(make_key(api, session, "keys:read", expiresAt=world.chain.time + 10)["key"])
    assert api.get(f"{API}/keys", headers=headers).status_code == 200
    world.chain.mine(seconds=10)
    refused(api.get(f"{API}/keys", headers=headers), 401, "unauthorized")


def test_a_scope_that_there_is_not_and_one_key_too_many_are_refused(api, world):
    session = sign_in(api, world)
    unknown = {"name": "test", "scopes": ["orders:write"]}
    refused(api.post(f"{API}/keys", json=unknown, headers=session), 422, "malformed_message", "scopes")
    for _ in range(MOST_KEYS):
        made = make_key(api, session, "keys:read")
    refused(api.post(f"{API}/keys", json=unknown | {"scopes": ["keys:read"]}, headers=session), 409, "conflict")
    api.delete(f"{API}/keys/{made['id']}", headers=session)
    make_key(api, session, "keys:read")


@pytest.mark.parametrize("token", ["", "x", "chs_", "chk_1_2", "chs_" + "0" * 64])
def test_a_token_that_is_none_gets_a_problem_document_that_asks_for_one(api, token):
    answer = api.get(f"{API}/webhooks", headers={"Authorization": f"Bearer {token}"} if token else {})
    refused(answer, 401, "unauthorized", "Authorization: Bearer")
    assert answer.headers["www-authenticate"] == "Bearer"


def test_neither_a_token_nor_a_key_is_in_the_database(api, world):
    session = sign_in(api, world)
    made = make_key(api, session, "keys:read")
    text = "".join(path.read_bytes().decode(errors="replace") for path in world.folder.rglob("market.db*"))
    assert SessionRow.__tablename__ in text and ApiKeyRow.__tablename__ in text and made["id"] in text
    assert session["Authorization"].removeprefix("Bearer ") not in text and made["key"] not in text


def test_answers_about_an_account_are_for_no_cache(api, world):
    session = sign_in(api, world)
    for page in ("sessions", "keys", "webhooks"):
        assert api.get(f"{API}/{page}", headers=session).headers["cache-control"] == "no-store"


def test_requests_count_for_the_account_whatever_address_they_come_from(tmp_path):
    world = World(tmp_path, rules=Rules(max_blob_bytes=10_000, requests_per_minute=6))
    with client_of(build_app(world.market, with_workers=False)) as api:
        made = make_key(api, sign_in(api, world), "keys:read")
    spread = build_app(world.market, with_workers=False)
    for middleware in spread.user_middleware:
        if middleware.cls.__name__ == "RateLimit":
            spread.user_middleware.remove(middleware)  # as if each request came from an address of its own
            break
    with client_of(spread) as api:
        answers = [api.get(f"{API}/keys", headers=bearer(made["key"])) for _ in range(7)]
        assert [one.status_code for one in answers] == [200] * 6 + [429]
        refused(answers[-1], 429, "too_many_requests", RENTER.address)


def test_only_the_operators_domains_sign_in(tmp_path):
    world = World(tmp_path, rules=Rules(max_blob_bytes=10_000, sign_in_domains=("app.example", "dev.example:8443")))
    with client_of(build_app(world.market, with_workers=False)) as api:
        for domain, status in (
            ("app.example", 201),
            ("APP.example:444", 201),
            ("dev.example:8443", 201),
            ("dev.example", 422),
            ("localhost:3000", 422),
        ):
            message = message_for(api, world, RENTER.address, domain=domain, uri=f"https://{domain}/")
            assert api.post(f"{API}/sessions", json=sign(message, RENTER)).status_code == status, domain
