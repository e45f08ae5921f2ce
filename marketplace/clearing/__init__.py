"""Clearing: which bid goes to which ask, at what price, and the proof that it could not be much better.

    result = clear_round(snapshot, Parameters())
    result.matches                 # who with whom, price = quote + scarcity rent, integers
    result.certificate             # surplus against the dual bound
    explain_bid(result, bid_hash)  # matched or not, and why
    explain_ask(result, ask_hash)  # the same for a provider: every bid as its ask saw it
    write_transcript(...)          # everything it takes to recompute the round, and its digest
    LiveBook().fill(bid, now)      # one bid at once, between rounds

Pure: numpy and the protocol only. The same snapshot gives the same result on any machine.
"""

from marketplace.clearing.certificate import Certificate, verify_certificate
from marketplace.clearing.explain import Explanation, explain_bid
from marketplace.clearing.explain_ask import BidView, Fate, explain_ask
from marketplace.clearing.live_book import LiveBook
from marketplace.clearing.round import Parameters, PricedMatch, RoundResult, clear_round
from marketplace.clearing.transcript import Transcript, verify_transcript, write_transcript

__all__ = [
    "BidView",
    "Certificate",
    "Explanation",
    "Fate",
    "LiveBook",
    "Parameters",
    "PricedMatch",
    "RoundResult",
    "Transcript",
    "clear_round",
    "explain_ask",
    "explain_bid",
    "verify_certificate",
    "verify_transcript",
    "write_transcript",
]
