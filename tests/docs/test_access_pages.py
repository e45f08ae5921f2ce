"""What the pages about sessions, keys and webhooks say is so: names, numbers, and the Python in them."""

import re

import httpx
import pytest

from marketplace.adapters import courier
from marketplace.api.app import build_app
from marketplace.domain import access, webhooks
from marketplace.services import deliver_webhooks
from scripts.toolchain import ROOT
from tests.fakes.http import AppTransport
from tests.fakes.world import RENTER, World

KEYS, HOOKS = ((ROOT / "docs" / "how-to" / name).read_text() for name in ("sessions-and-keys.md", "webhooks.md"))


def test_every_event_stands_in_the_table_and_no_other():
    table = HOOKS.split("| type | when |")[1].split("\n\n")[0]
    assert sorted(re.findall(r"`((?:job|lease|payment|dispute)\.\w+)`", table)) == sorted(webhooks.EVENT_TYPES)


def test_every_scope_stands_in_the_table_and_no_other():
    table = KEYS.split("| scope |")[1].split("\n\n")[0]
    assert re.findall(r"^\| `([\w:]+)` \|", table, re.MULTILINE) == sorted(
        access.SCOPES, key=lambda one: (not one.startswith("webhooks"), one)
    )


@pytest.mark.parametrize(
    ("page", "words", "value"),
    [
        (KEYS, r"good for (\d+) minutes", access.NONCE_SECONDS // 60),
        (KEYS, r"has (\d+) at most; for one more the oldest", access.MOST_SESSIONS),
        (KEYS, r"has (\d+) that are good", access.MOST_KEYS),
        (HOOKS, r"An account has (\d+) at most", webhooks.MOST_WEBHOOKS),
        (HOOKS, r"Any 2xx within (\d+) seconds", courier.SECONDS),
        (HOOKS, r"after about (\d+) seconds", webhooks.FIRST_RETRY_SECONDS),
        (HOOKS, r"up to (\d+) hours", webhooks.LAST_RETRY_SECONDS // 3600),
        (HOOKS, r"(\d+) tries in about a day", webhooks.MOST_ATTEMPTS),
        (HOOKS, r"With 1,(\d+) messages waiting", webhooks.MOST_WAITING - 1000),
        (HOOKS, r"ones are kept for (\d+) days", webhooks.DELIVERED_SECONDS // 86_400),
        (HOOKS, r"dead ones for (\d+)", webhooks.DEAD_SECONDS // 86_400),
        (HOOKS, r"answer (\d+) kB are read", courier.MAX_ANSWER_BYTES // 1000),
    ],
)
def test_numbers_on_the_pages_are_those_of_the_code(page, words, value):
    assert [int(one) for one in re.findall(words, page)] == [value], words


def test_a_webhook_has_four_messages_under_way():
    assert deliver_webhooks.UNDER_WAY_EACH == 4 and "four messages are under way" in HOOKS


def test_the_piece_of_python_signs_in(tmp_path, monkeypatch):
    world = World(tmp_path)
    (piece,) = re.findall(r"```python\n(.*?)```", KEYS, re.DOTALL)
    names: dict = {}
    exec(compile(piece, "sessions-and-keys.md", "exec"), names)
    monkeypatch.setattr(names["time"], "time", lambda: world.chain.time)
    app = build_app(world.market, with_workers=False)
    with httpx.Client(base_url="http://market.test", transport=AppTransport(app)) as client:
        token = names["sign_in"](client, RENTER.key)
        shown = client.get("/api/v1/sessions", headers={"Authorization": f"Bearer {token}"}).json()
    assert [one["account"] for one in shown["sessions"]] == [RENTER.address]
