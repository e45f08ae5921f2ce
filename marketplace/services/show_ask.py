"""What the market tells a provider about its ask in a round."""

from typing import Any

from marketplace.clearing import clear_round, explain_ask
from marketplace.clearing.transcript import read_parameters, read_snapshot
from marketplace.errors import NotFound
from marketplace.services.market import Market
from marketplace.services.show_market import show_round, show_transcript


def show_ask_explanation(market: Market, number: int, ask_hash: str) -> dict[str, Any]:
    """Every bid of a round as this ask saw it: won or lost, and why; recomputed from the round's transcript.

    Raises NotFound, also where the ask took no part.
    """
    return market.answer(("explain_ask", number, ask_hash), lambda: _explain(market, number, ask_hash))


def _explain(market: Market, number: int, ask_hash: str) -> dict[str, Any]:
    shown, transcript = show_round(market, number), show_transcript(market, number)
    snapshot = read_snapshot(transcript)
    if all(each.ask_hash != ask_hash for each in snapshot.asks):  # before the round is cleared, which takes long
        raise NotFound(f"ask in round {number}", ask_hash)
    result = clear_round(snapshot, read_parameters(transcript))
    views = [view.to_json() for view in explain_ask(result, ask_hash)]
    return {"round": number, "roundDigest": shown["digest"], "askHash": ask_hash, "bids": views}
