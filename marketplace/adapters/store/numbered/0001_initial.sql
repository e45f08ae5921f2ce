-- Wide integers (uint64, uint256) live inside the JSON of their message or as text; columns hold what is searched.
CREATE TABLE bids (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    bid_hash TEXT NOT NULL UNIQUE,
    renter TEXT NOT NULL,
    salt TEXT NOT NULL,
    bid JSON NOT NULL,
    signature TEXT NOT NULL,
    job_spec JSON NOT NULL,
    placed_at INTEGER NOT NULL,
    state TEXT NOT NULL,
    reason TEXT NOT NULL,
    job_state TEXT NOT NULL,
    held_until INTEGER NOT NULL,
    cancelled_block INTEGER
);
CREATE INDEX bids_by_renter ON bids (renter, id);
CREATE INDEX bids_by_state ON bids (state);
CREATE INDEX bids_by_job_state ON bids (job_state, id);

CREATE TABLE asks (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    ask_hash TEXT NOT NULL UNIQUE,
    provider TEXT NOT NULL,
    agent TEXT NOT NULL,
    salt TEXT NOT NULL,
    ask JSON NOT NULL,
    signature TEXT NOT NULL,
    profile JSON NOT NULL,
    placed_at INTEGER NOT NULL,
    state TEXT NOT NULL,
    reason TEXT NOT NULL,
    cancelled_block INTEGER
);
CREATE INDEX asks_by_node ON asks (provider, agent);
CREATE INDEX asks_by_state ON asks (state);

CREATE TABLE nodes (
    agent TEXT PRIMARY KEY,
    last_seen INTEGER NOT NULL
);

CREATE TABLE cancellations (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    signer TEXT NOT NULL,
    salt TEXT NOT NULL,
    all_before BOOLEAN NOT NULL,
    block INTEGER
);
CREATE INDEX cancellations_by_signer ON cancellations (signer);

CREATE TABLE rounds (
    number INTEGER PRIMARY KEY,
    digest TEXT NOT NULL,
    cleared_at INTEGER NOT NULL,
    summary JSON NOT NULL
);
CREATE TABLE transcripts (
    number INTEGER PRIMARY KEY REFERENCES rounds (number),
    transcript JSON NOT NULL
);
CREATE TABLE round_bids (
    bid_hash TEXT NOT NULL,
    number INTEGER NOT NULL REFERENCES rounds (number),
    PRIMARY KEY (bid_hash, number)
);

CREATE TABLE outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    payload JSON NOT NULL,
    state TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    tx_hash TEXT NOT NULL,
    nonce INTEGER NOT NULL,
    raw TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    next_try_at REAL NOT NULL,
    sent_at REAL NOT NULL,
    block INTEGER NOT NULL,
    error TEXT NOT NULL
);
CREATE INDEX outbox_by_state ON outbox (state, id);

CREATE TABLE matches (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    round_number INTEGER NOT NULL REFERENCES rounds (number),
    outbox_id INTEGER NOT NULL REFERENCES outbox (id),
    lease_id TEXT NOT NULL,
    bid_hash TEXT NOT NULL REFERENCES bids (bid_hash),
    ask_hash TEXT NOT NULL REFERENCES asks (ask_hash),
    price INTEGER NOT NULL,
    state TEXT NOT NULL,
    reason TEXT NOT NULL
);
CREATE INDEX matches_by_bid ON matches (bid_hash);
CREATE INDEX matches_by_outbox ON matches (outbox_id);
CREATE INDEX matches_by_state ON matches (state);

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
    penalty INTEGER NOT NULL,
    fee_bps INTEGER NOT NULL,
    deadline INTEGER NOT NULL,
    round_digest TEXT NOT NULL,
    opened_block INTEGER NOT NULL,
    opened_tx TEXT NOT NULL,
    stage TEXT NOT NULL,
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
CREATE INDEX leases_by_ask ON leases (ask_hash);
CREATE INDEX leases_by_provider ON leases (provider, id);
CREATE INDEX leases_by_agent ON leases (agent, id);
CREATE INDEX leases_by_stage ON leases (stage);

-- Evidence is keyed by lease id and outlives a reorganisation that takes the lease away for a while.
CREATE TABLE attestations (
    lease_id TEXT PRIMARY KEY,
    attestation JSON NOT NULL,
    signature TEXT NOT NULL,
    manifest JSON NOT NULL,
    received_at INTEGER NOT NULL
);
CREATE TABLE verdicts (
    lease_id TEXT NOT NULL,
    oracle TEXT NOT NULL,
    verdict JSON NOT NULL,
    signature TEXT NOT NULL,
    received_at INTEGER NOT NULL,
    PRIMARY KEY (lease_id, oracle)
);
CREATE TABLE receipts (
    lease_id TEXT PRIMARY KEY,
    receipt JSON NOT NULL,
    signature TEXT NOT NULL,
    received_at INTEGER NOT NULL
);
CREATE TABLE batches (
    digest TEXT PRIMARY KEY,
    verdicts JSON NOT NULL,
    state TEXT NOT NULL,
    reason TEXT NOT NULL,
    proposed_at INTEGER NOT NULL,
    proposals INTEGER NOT NULL
);
CREATE TABLE batch_leases (
    lease_id TEXT NOT NULL,
    digest TEXT NOT NULL REFERENCES batches (digest),
    PRIMARY KEY (lease_id, digest)
);
CREATE TABLE batch_signatures (
    digest TEXT NOT NULL REFERENCES batches (digest),
    oracle TEXT NOT NULL,
    signature TEXT NOT NULL,
    PRIMARY KEY (digest, oracle)
);

CREATE TABLE followed_blocks (
    number INTEGER PRIMARY KEY,
    hash TEXT NOT NULL,
    timestamp INTEGER NOT NULL
);

CREATE TABLE timeline (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    bid_hash TEXT NOT NULL,
    lease_id TEXT NOT NULL,
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    detail JSON NOT NULL
);
CREATE INDEX timeline_by_bid ON timeline (bid_hash, id);
