"""The market's status: a document for programs, a page for people. The page has no script and asks nobody else."""

import base64
import hashlib
from datetime import UTC, datetime
from html import escape
from typing import Any

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from marketplace.services.market import Market
from marketplace.services.show_status import WELL, show_status

REFRESH_SECONDS = 30
_STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 46rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
table { border-collapse: collapse; width: 100%; }
td, th { text-align: left; padding: .3rem .6rem .3rem 0; border-bottom: 1px solid #8884; vertical-align: top; }
.state { font-weight: 600; }
.ok { color: #18794e; } .degraded { color: #ad5700; } .down { color: #c62a2f; }
@media (prefers-color-scheme: dark) { .ok { color: #4cc38a; } .degraded { color: #f1a10d; } .down { color: #ff6369; } }
"""
_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
HEADERS = {
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'",
    "Cache-Control": "no-store",
}
_SAID = {"ok": "Everything works", "degraded": "Something is not as it should be", "down": "The market stands still"}


def status_routes(market: Market) -> APIRouter:
    """The document and the page."""
    router = APIRouter(tags=["market"])

    @router.get(
        "/api/v1/status",
        operation_id="show_status",
        summary="How the market is doing: its parts, open findings, the last round",
    )
    def document() -> dict[str, Any]:
        return show_status(market)

    @router.get("/status", include_in_schema=False)
    def page() -> HTMLResponse:
        return HTMLResponse(render_page(show_status(market)), headers=HEADERS)

    return router


def render_page(status: dict[str, Any]) -> str:
    """The status as HTML."""
    state, chain, last = status["status"], status["chain"], status["lastRound"]
    facts = [
        ("Chain", f"{chain['id']}: block {_or_dash(chain['followed'])} of {_or_dash(chain['head'])} followed"),
        ("Market", status["market"]),
        ("Last round", _round(last) if last else "none yet"),
    ]
    parts = [
        (one["name"], _state("ok" if one["status"] in WELL else "degraded", one["status"]))
        for one in status["components"]
    ]
    found = [(_time(one["openedAt"]), escape(one["detail"])) for one in status["findings"]]
    past = [(_span(one), escape(one["detail"])) for one in status["past"]]
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>ComputeHive: {escape(state)}</title>'
        f'<meta name="viewport" content="width=device-width"><meta http-equiv="refresh" content="{REFRESH_SECONDS}">'
        f"<style>{_STYLE}</style></head><body><h1>{_state(state, _SAID[state])}</h1>"
        f"<p>{_time(status['at'])}</p>{_table([(name, escape(text)) for name, text in facts])}"
        f"<h2>Parts</h2>{_table(parts)}<h2>Findings</h2>{_table(found) if found else '<p>None open.</p>'}"
        f"{'<h2>Earlier</h2>' + _table(past) if past else ''}</body></html>\n"
    )


def _table(rows: list[tuple[str, str]]) -> str:
    """Names, and what is HTML already."""
    return f"<table>{''.join(f'<tr><th>{escape(name)}</th><td>{html}</td></tr>' for name, html in rows)}</table>"


def _state(kind: str, text: str) -> str:
    return f'<span class="state {escape(kind)}">{escape(text)}</span>'


def _round(last: dict[str, Any]) -> str:
    return f"{last['number']}, {_time(last['clearedAt'])}: {last['matches']} leases for {last['bids']} bids"


def _span(one: dict[str, Any]) -> str:
    return f"{_time(one['openedAt'])} to {_time(one['endedAt'])} ({one['endedBy']})"


def _time(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _or_dash(value: int | None) -> str:
    return "—" if value is None else str(value)
