-- The escrow with leases in groups is another deployment with other messages. What was signed for the former one means
-- nothing to it, so none of it is kept: let a market of the former one end its leases before it is replaced.
DELETE FROM batch_signatures;
DELETE FROM batch_leases;
DELETE FROM batches;
DELETE FROM receipts;
DELETE FROM verdicts;
DELETE FROM attestations;
DELETE FROM timeline;
DELETE FROM followed_blocks;
DELETE FROM nodes;
DROP TABLE matches;
DROP TABLE leases;
DROP TABLE cancellations;
DROP TABLE bids;
DROP TABLE asks;
DELETE FROM round_bids;
DELETE FROM transcripts;
DELETE FROM rounds;
DELETE FROM outbox;

CREATE TABLE bids (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    bid_hash TEXT NOT NULL UNIQUE,
    renter TEXT NOT NULL,
    salt INTEGER NOT NULL,
    bid JSON NOT NULL,
    signature TEXT NOT NULL,
    job_spec JSON NOT NULL,
    placed_at INTEGER NOT NULL,
    state TEXT NOT NULL,
    reason TEXT NOT NULL,
    job_state TEXT NOT NULL,
    held_until INTEGER NOT NULL,
    ended_block INTEGER
);
CREATE INDEX bids_by_renter ON bids (renter, id);
CREATE INDEX bids_by_salt ON bids (renter, salt);
CREATE INDEX bids_by_state ON bids (state);
CREATE INDEX bids_by_job_state ON bids (job_state, id);

CREATE TABLE asks (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    ask_hash TEXT NOT NULL UNIQUE,
    provider TEXT NOT NULL,
    agent TEXT NOT NULL,
    salt INTEGER NOT NULL,
    ask JSON NOT NULL,
    signature TEXT NOT NULL,
    profile JSON NOT NULL,
    placed_at INTEGER NOT NULL,
    state TEXT NOT NULL,
    reason TEXT NOT NULL,
    ended_block INTEGER
);
CREATE INDEX asks_by_node ON asks (provider, agent);
CREATE INDEX asks_by_state ON asks (state);

CREATE TABLE cancellations (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    signer TEXT NOT NULL,
    kind INTEGER NOT NULL,
    salt INTEGER NOT NULL,
    block INTEGER
);
CREATE INDEX cancellations_by_signer ON cancellations (signer);

-- A match has its lease's id once the lease is open; `dropped_block` is where the contract left it out.
CREATE TABLE matches (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    round_number INTEGER NOT NULL REFERENCES rounds (number),
    outbox_id INTEGER NOT NULL REFERENCES outbox (id),
    bid_hash TEXT NOT NULL REFERENCES bids (bid_hash),
    ask_hash TEXT NOT NULL REFERENCES asks (ask_hash),
    provider TEXT NOT NULL,
    price INTEGER NOT NULL,
    lease_id TEXT NOT NULL,
    state TEXT NOT NULL,
    reason TEXT NOT NULL,
    dropped_block INTEGER
);
CREATE INDEX matches_by_bid ON matches (bid_hash);
CREATE INDEX matches_by_outbox ON matches (outbox_id);
CREATE INDEX matches_by_state ON matches (state);
CREATE INDEX matches_by_lease ON matches (lease_id);

-- Leases come from the chain's events alone, so bids and asks may be unknown here after a rebuild elsewhere.
CREATE TABLE leases (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    lease_id TEXT NOT NULL UNIQUE,
    bid_hash TEXT NOT NULL,
    ask_hash TEXT NOT NULL,
    renter TEXT NOT NULL,
    provider TEXT NOT NULL,
    agent TEXT NOT NULL,
    job_digest TEXT NOT NULL,
    price INTEGER NOT NULL,
    fee_bps INTEGER NOT NULL,
    deadline INTEGER NOT NULL,
    salt INTEGER NOT NULL,
    "group" INTEGER NOT NULL,
    place INTEGER NOT NULL,
    round_digest TEXT NOT NULL,
    opened_block INTEGER NOT NULL,
    opened_tx TEXT NOT NULL,
    stage TEXT NOT NULL,
    claim_pay INTEGER,
    claim_digest TEXT,
    claim_until INTEGER,
    claimed_block INTEGER,
    dispute_bond INTEGER,
    dispute_until INTEGER,
    disputed_block INTEGER,
    outcome INTEGER,
    paid INTEGER,
    fee INTEGER,
    refund INTEGER,
    result_digest TEXT,
    close_reason INTEGER,
    closed_block INTEGER,
    closed_tx TEXT
);
CREATE INDEX leases_by_bid ON leases (bid_hash);
CREATE INDEX leases_by_group ON leases ("group", opened_tx);
CREATE INDEX leases_by_provider ON leases (provider, id);
CREATE INDEX leases_by_agent ON leases (agent, id);
CREATE INDEX leases_by_stage ON leases (stage);

-- Every event of an opening is looked up by its transaction, which may be one that a dearer one replaced.
CREATE INDEX outbox_by_transaction ON outbox (tx_hash);
CREATE INDEX outbox_by_replaced ON outbox (replaced) WHERE replaced <> '[]';
