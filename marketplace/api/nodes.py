"""Asks, nodes, rounds, accounts, configuration."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Response

from marketplace.api.bodies import AccountBody, AskBody, HeartbeatBody
from marketplace.api.limits import Limits
from marketplace.api.paging import Cursor, Limit
from marketplace.api.peers import Peer, peer_of
from marketplace.protocol.eip712 import Address
from marketplace.services.market import Market
from marketplace.services.place_order import place_ask
from marketplace.services.record_heartbeat import record_heartbeat
from marketplace.services.show_ask import show_ask_explanation
from marketplace.services.show_market import (
    list_asks,
    list_nodes,
    list_rounds,
    show_account,
    show_cluster,
    show_config,
    show_health,
    show_round,
    show_transcript,
)

RoundNumber = Annotated[int, Path(ge=1, lt=2**63)]
AskHash = Annotated[str, Path(pattern="^0x[0-9a-f]{64}$", description="The ask's hash.")]


def node_routes(market: Market, limits: Limits) -> APIRouter:
    """Asks and the nodes behind them."""
    router = APIRouter(prefix="/api/v1", tags=["nodes"])
    Asking = Annotated[Peer, Depends(peer_of(market))]

    @router.post(
        "/asks",
        status_code=201,
        operation_id="place_ask",
        summary="Place a signed ask; 200 where it is there already",
    )
    @router.post("/nodes/register", status_code=201, include_in_schema=False)
    def register(body: AskBody, response: Response, peer: Asking) -> dict[str, Any]:
        peer.require_node(body.ask.agent)
        placed = place_ask(market, body.ask, body.signature, body.profile, limits)
        if not placed.is_new:
            response.status_code = 200
        return {"askHash": placed.order_hash, "nodeId": body.ask.agent}

    @router.get("/asks", operation_id="list_asks", summary="Asks, newest first")
    def asks(
        provider: Address | None = None,
        live: bool = True,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> dict[str, Any]:
        return list_asks(market, provider=provider, live_only=live, cursor=cursor, limit=limit)

    @router.post("/nodes/{node_id}/heartbeat", operation_id="send_heartbeat", summary="An agent says that it is alive")
    def heartbeat(node_id: Address, body: HeartbeatBody, peer: Asking) -> dict[str, Any]:
        peer.require_signer(body.heartbeat, body.signature)
        heard = record_heartbeat(market, node_id, body.heartbeat, body.signature)
        return {"nodeId": node_id, "lastSeen": heard.last_seen, "notices": heard.notices}

    @router.get("/cluster/status", operation_id="show_cluster", summary="The market at a glance")
    def status() -> dict[str, Any]:
        return show_cluster(market)

    @router.get("/cluster/nodes", operation_id="list_nodes", summary="Every node that offers capacity")
    def nodes() -> dict[str, Any]:
        return list_nodes(market)

    return router


def round_routes(market: Market) -> APIRouter:
    """Rounds and their transcripts."""
    router = APIRouter(prefix="/api/v1/rounds", tags=["rounds"])

    @router.get("", operation_id="list_rounds", summary="Rounds, newest first")
    def rounds(cursor: Cursor = None, limit: Limit = 50) -> dict[str, Any]:
        return list_rounds(market, cursor=cursor, limit=limit)

    @router.get("/{number}", operation_id="show_round", summary="One round")
    def one(number: RoundNumber) -> dict[str, Any]:
        return show_round(market, number)

    @router.get("/{number}/transcript", operation_id="show_transcript", summary="All it takes to recompute a round")
    def transcript(number: RoundNumber) -> dict[str, Any]:
        return show_transcript(market, number)

    @router.get(
        "/{number}/asks/{ask_hash}/explain",
        operation_id="explain_ask",
        summary="Every bid of a round as an ask saw it: won or lost, and why",
    )
    def explain(number: RoundNumber, ask_hash: AskHash) -> dict[str, Any]:
        return show_ask_explanation(market, number, ask_hash)

    return router


def general_routes(market: Market, rpc_url: str, contracts: dict[str, str]) -> APIRouter:
    """Health, configuration, accounts."""
    router = APIRouter(tags=["market"])

    @router.get("/health", operation_id="show_health", summary="Alive, and how far behind the chain")
    def health() -> dict[str, Any]:
        return show_health(market)

    @router.get("/api/v1/config", operation_id="show_config", summary="All that a client needs to sign for this market")
    def config() -> dict[str, Any]:
        return show_config(market, rpc_url, contracts)

    @router.post("/api/v1/accounts", operation_id="look_up_account", summary="Look up an account; nothing is stored")
    def register(body: AccountBody) -> dict[str, Any]:
        return show_account(market, body.address)

    @router.get(
        "/api/v1/accounts/{address}",
        operation_id="show_account",
        summary="Balances, stake and reputation as the contracts report them",
    )
    def account(address: str) -> dict[str, Any]:
        return show_account(market, address)

    return router
