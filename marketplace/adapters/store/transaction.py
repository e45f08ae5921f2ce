"""One open transaction: everything that the services load and save, by subject."""

from sqlmodel import Session

from marketplace.adapters.store.access import ApiKeys, Sessions
from marketplace.adapters.store.asks import Asks
from marketplace.adapters.store.audit_log import AuditLog
from marketplace.adapters.store.audits import Audits
from marketplace.adapters.store.bids import Bids
from marketplace.adapters.store.blocks import Blocks
from marketplace.adapters.store.checkpoints import Checkpoints
from marketplace.adapters.store.evidence import Batches, Evidence
from marketplace.adapters.store.feed import Feed
from marketplace.adapters.store.grants import Grants
from marketplace.adapters.store.leases import Leases
from marketplace.adapters.store.matches import Matches
from marketplace.adapters.store.notices import Notices
from marketplace.adapters.store.outbox import Outbox
from marketplace.adapters.store.retention import Forgetting
from marketplace.adapters.store.rounds import Rounds, Timeline
from marketplace.adapters.store.seals import Seals
from marketplace.adapters.store.webhooks import Deliveries, Webhooks
from marketplace.adapters.store.workflows import Workflows


class Transaction:
    """`services.storage.Transaction`."""

    def __init__(self, session: Session) -> None:
        self.bids = Bids(session)
        self.asks = Asks(session)
        self.leases = Leases(session)
        self.matches = Matches(session)
        self.notices = Notices(session)
        self.rounds = Rounds(session)
        self.timeline = Timeline(session)
        self.outbox = Outbox(session)
        self.evidence = Evidence(session)
        self.checkpoints = Checkpoints(session)
        self.grants = Grants(session)
        self.seals = Seals(session)
        self.audits = Audits(session)
        self.batches = Batches(session)
        self.blocks = Blocks(session)
        self.log = AuditLog(session)
        self.forgetting = Forgetting(session)
        self.workflows = Workflows(session)
        self.sessions = Sessions(session)
        self.api_keys = ApiKeys(session)
        self.webhooks = Webhooks(session)
        self.deliveries = Deliveries(session)
        self.feed = Feed(session)
