"""The schema that the program expects: tables with portable columns, unique keys, what they are searched by."""

from sqlalchemy import Index, MetaData, UniqueConstraint, text
from sqlmodel import SQLModel

from marketplace.adapters.store import tables, tables_access, tables_evidence, tables_log, tables_retention
from marketplace.adapters.store.columns import make_portable

_ROWS = [
    row
    for module in (tables, tables_evidence, tables_log, tables_retention, tables_access)
    for row in vars(module).values()
    if isinstance(row, type) and issubclass(row, SQLModel) and row is not SQLModel
]
TABLES = tuple(row.__table__ for row in _ROWS)

_INDEXES = {
    "bids_by_renter": ("bids", "renter", "id"),
    "bids_by_salt": ("bids", "renter", "salt"),
    "bids_by_state": ("bids", "state"),
    "bids_by_job_state": ("bids", "job_state", "id"),
    "asks_by_node": ("asks", "provider", "agent"),
    "asks_by_state": ("asks", "state"),
    "asks_by_agent": ("asks", "agent", "id"),
    "cancellations_by_signer": ("cancellations", "signer"),
    "outbox_by_state": ("outbox", "state", "id"),
    "outbox_hashes_by_item": ("outbox_hashes", "outbox_id"),
    "matches_by_bid": ("matches", "bid_hash"),
    "matches_by_outbox": ("matches", "outbox_id"),
    "matches_by_state": ("matches", "state"),
    "matches_by_lease": ("matches", "lease_id"),
    "matches_by_ask": ("matches", "ask_hash"),
    "leases_by_ask": ("leases", "ask_hash"),
    "leases_by_bid": ("leases", "bid_hash"),
    "leases_by_group": ("leases", "group", "opened_tx"),
    "leases_by_provider": ("leases", "provider", "id"),
    "leases_by_agent": ("leases", "agent", "id"),
    "leases_by_stage": ("leases", "stage"),
    "batches_by_state": ("batches", "state", "proposed_at"),
    "verdicts_by_oracle": ("verdicts", "oracle"),
    "seals_by_oracle": ("seals", "oracle"),
    "oracle_faults_by_oracle": ("oracle_faults", "oracle", "id"),
    "timeline_by_bid": ("timeline", "bid_hash", "id"),
    "log_entries_by_subject": ("log_entries", "subject", "position"),
    "workflows_by_renter": ("workflows", "renter", "id"),
    "workflow_bids_by_workflow": ("workflow_bids", "workflow"),
    "sessions_by_account": ("sessions", "account"),
    "sessions_by_end": ("sessions", "expires_at"),
    "api_keys_by_account": ("api_keys", "account"),
    "webhooks_by_account": ("webhooks", "account"),
    "webhooks_by_cursor": ("webhooks", "cursor"),
    "deliveries_by_state": ("deliveries", "state", "due_at"),
    "deliveries_by_webhook": ("deliveries", "webhook_id", "number"),
}
_UNIQUE = (
    ("bids", "bid_hash"),
    ("asks", "ask_hash"),
    ("leases", "lease_id"),
    ("workflows", "workflow_id"),
    ("oracle_faults", "lease_id", "oracle", "kind"),
    ("sessions", "token_hash"),
    ("sessions", "nonce"),
    ("api_keys", "token_hash"),
    ("deliveries", "id"),
)


IS_LIVE = text("state = 'live'")
"""In a query word for word as in its index: a database takes such an index for nothing else."""


def _declare() -> MetaData:
    metadata = SQLModel.metadata
    for table in TABLES:
        make_portable(table)
    for name, (table, *columns) in _INDEXES.items():
        Index(name, *(metadata.tables[table].columns[column] for column in columns))
    for table, *columns in _UNIQUE:
        metadata.tables[table].append_constraint(UniqueConstraint(*columns))
    judgements = metadata.tables["judgements"].columns
    under_way = text("concluded_at IS NULL")
    Index("judgements_under_way", judgements["attested_at"], sqlite_where=under_way, postgresql_where=under_way)
    bids = metadata.tables["bids"].columns
    Index("bids_live", bids["renter"], bids["locked"], sqlite_where=IS_LIVE, postgresql_where=IS_LIVE)
    is_open = text("closed_block IS NULL")
    Index("leases_open", metadata.tables["leases"].columns["id"], sqlite_where=is_open, postgresql_where=is_open)
    return metadata


METADATA = _declare()
