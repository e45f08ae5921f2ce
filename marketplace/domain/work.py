"""Words by which those who work for the market are told that there is something new to look at.

A word says where to look and nothing of what is there: who hears one too many looks in vain, and who misses one looks
by itself later.
"""

CLAIMS, REVEALS, BATCHES = "claims", "reveals", "batches"
"""Of oracles: evidence to judge, or something new about what is judged; seals to open; batches to sign."""
OF_ORACLES = (CLAIMS, REVEALS, BATCHES)
LEASES, RECEIPTS, NOTICES = "leases", "receipts", "notices"
"""Of one agent: a lease of its own opened or closed; its renter accepted less than the lock; it is to make way."""
OF_AGENTS = (LEASES, RECEIPTS, NOTICES)
EVERYTHING = "everything"
"""Whatever anybody waits for: said where words may have been lost, or are too many."""
_PREFIX = len("0x") + 8
"""Characters of an address in a word. Two agents that share them are told of each other's, and find nothing."""


def word_of(topic: str, agent: str) -> str:
    """The word that tells one agent of one of OF_AGENTS."""
    return f"{topic}:{agent[:_PREFIX].lower()}"
