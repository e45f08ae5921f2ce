"""In which sandboxes a lie can be told from another version: those that enough oracles say are theirs.

An oracle whose own sandbox is not the one that a provider promised takes another result for a failure, not for a fraud
(`agent.verdict`). Nobody would then be slashed for it, so no bid that is verified by running the job again is matched
with a node whose promise the committee cannot hold it to.
"""

from collections import Counter

from marketplace.domain.chain import Committee
from marketplace.protocol.jobspec import METERED_SANDBOX
from marketplace.protocol.profile import NodeProfile
from marketplace.services.storage import Transaction


def sandboxes_of_oracles(tx: Transaction, committee: Committee) -> dict[str, str]:
    """The digest of each member's sandbox, as it last signed; members that have said nothing are left out."""
    offers = (one.offer for one in tx.grants.offers())
    return {offer.oracle: offer.sandbox_digest for offer in offers if offer.oracle in committee.members}


def judged_sandboxes(tx: Transaction, committee: Committee) -> frozenset[str]:
    """Digests that as many members have as must agree on a verdict; empty while too few have said or they disagree."""
    counts = Counter(sandboxes_of_oracles(tx, committee).values())
    return frozenset(digest for digest, count in counts.items() if count >= committee.threshold)


def is_judged(profile: NodeProfile, judged: frozenset[str]) -> bool:
    """Whether this node promises one of them. While there are none nobody could, and nobody is held to it."""
    return not judged or profile.sandbox_digests.get(METERED_SANDBOX) in judged
