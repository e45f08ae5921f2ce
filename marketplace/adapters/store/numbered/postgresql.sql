-- What 0001 to 0010 amount to, for PostgreSQL, which began there. Never changed again: later steps are in migrations/.
-- Documents are JSON: JSONB takes no \u0000 and would order their keys anew. Text compares by bytes, as in SQLite.
CREATE TABLE asks (
    id BIGSERIAL NOT NULL,
    ask_hash VARCHAR COLLATE "C" NOT NULL,
    provider VARCHAR COLLATE "C" NOT NULL,
    agent VARCHAR COLLATE "C" NOT NULL,
    salt BIGINT NOT NULL,
    ask JSON NOT NULL,
    signature VARCHAR COLLATE "C" NOT NULL,
    profile JSON NOT NULL,
    placed_at BIGINT NOT NULL,
    state VARCHAR COLLATE "C" NOT NULL,
    reason VARCHAR COLLATE "C" NOT NULL,
    ended_block BIGINT,
    PRIMARY KEY (id),
    UNIQUE (ask_hash)
);
CREATE INDEX asks_by_node ON asks (provider, agent);
CREATE INDEX asks_by_state ON asks (state);
CREATE TABLE attestations (
    lease_id VARCHAR COLLATE "C" NOT NULL,
    attestation JSON NOT NULL,
    signature VARCHAR COLLATE "C" NOT NULL,
    manifest JSON NOT NULL,
    received_at BIGINT NOT NULL,
    usage JSON,
    sealed JSON,
    PRIMARY KEY (lease_id)
);
CREATE TABLE audits (
    lease_id VARCHAR COLLATE "C" NOT NULL,
    oracle VARCHAR COLLATE "C" NOT NULL,
    seal JSON NOT NULL,
    seal_signature VARCHAR COLLATE "C" NOT NULL,
    share JSON,
    share_signature VARCHAR COLLATE "C",
    PRIMARY KEY (lease_id, oracle)
);
CREATE TABLE batches (
    digest VARCHAR COLLATE "C" NOT NULL,
    verdicts JSON NOT NULL,
    state VARCHAR COLLATE "C" NOT NULL,
    reason VARCHAR COLLATE "C" NOT NULL,
    proposed_at BIGINT NOT NULL,
    proposals BIGINT NOT NULL,
    PRIMARY KEY (digest)
);
CREATE TABLE bids (
    id BIGSERIAL NOT NULL,
    bid_hash VARCHAR COLLATE "C" NOT NULL,
    renter VARCHAR COLLATE "C" NOT NULL,
    salt BIGINT NOT NULL,
    bid JSON NOT NULL,
    signature VARCHAR COLLATE "C" NOT NULL,
    job_spec JSON NOT NULL,
    placed_at BIGINT NOT NULL,
    state VARCHAR COLLATE "C" NOT NULL,
    reason VARCHAR COLLATE "C" NOT NULL,
    job_state VARCHAR COLLATE "C" NOT NULL,
    held_until BIGINT NOT NULL,
    ended_block BIGINT,
    PRIMARY KEY (id),
    UNIQUE (bid_hash)
);
CREATE INDEX bids_by_job_state ON bids (job_state, id);
CREATE INDEX bids_by_renter ON bids (renter, id);
CREATE INDEX bids_by_salt ON bids (renter, salt);
CREATE INDEX bids_by_state ON bids (state);
CREATE TABLE cancellations (
    id BIGSERIAL NOT NULL,
    signer VARCHAR COLLATE "C" NOT NULL,
    kind BIGINT NOT NULL,
    salt BIGINT NOT NULL,
    block BIGINT,
    PRIMARY KEY (id)
);
CREATE INDEX cancellations_by_signer ON cancellations (signer);
CREATE TABLE checkpoints (
    lease_id VARCHAR COLLATE "C" NOT NULL,
    checkpoint JSON NOT NULL,
    signature VARCHAR COLLATE "C" NOT NULL,
    manifest JSON NOT NULL,
    received_at BIGINT NOT NULL,
    PRIMARY KEY (lease_id)
);
CREATE TABLE followed_blocks (
    number BIGSERIAL NOT NULL,
    hash VARCHAR COLLATE "C" NOT NULL,
    timestamp BIGINT NOT NULL,
    PRIMARY KEY (number)
);
CREATE TABLE judgements (
    lease_id VARCHAR COLLATE "C" NOT NULL,
    attested_at BIGINT NOT NULL,
    opened_at BIGINT,
    members JSON NOT NULL,
    concluded_at BIGINT,
    PRIMARY KEY (lease_id)
);
CREATE INDEX judgements_under_way ON judgements (attested_at) WHERE concluded_at IS NULL;
CREATE TABLE key_grants (
    job_id VARCHAR COLLATE "C" NOT NULL,
    holder VARCHAR COLLATE "C" NOT NULL,
    signer VARCHAR COLLATE "C" NOT NULL,
    "grant" JSON NOT NULL,
    signature VARCHAR COLLATE "C" NOT NULL,
    ciphertext BYTEA NOT NULL,
    received_at BIGINT NOT NULL,
    PRIMARY KEY (job_id, holder, signer)
);
CREATE TABLE key_offers (
    oracle VARCHAR COLLATE "C" NOT NULL,
    offer JSON NOT NULL,
    signature VARCHAR COLLATE "C" NOT NULL,
    PRIMARY KEY (oracle)
);
CREATE TABLE leases (
    id BIGSERIAL NOT NULL,
    lease_id VARCHAR COLLATE "C" NOT NULL,
    bid_hash VARCHAR COLLATE "C" NOT NULL,
    ask_hash VARCHAR COLLATE "C" NOT NULL,
    renter VARCHAR COLLATE "C" NOT NULL,
    provider VARCHAR COLLATE "C" NOT NULL,
    agent VARCHAR COLLATE "C" NOT NULL,
    job_digest VARCHAR COLLATE "C" NOT NULL,
    price BIGINT NOT NULL,
    fee_bps BIGINT NOT NULL,
    deadline BIGINT NOT NULL,
    salt BIGINT NOT NULL,
    "group" BIGINT NOT NULL,
    place BIGINT NOT NULL,
    round_digest VARCHAR COLLATE "C" NOT NULL,
    opened_block BIGINT NOT NULL,
    opened_tx VARCHAR COLLATE "C" NOT NULL,
    stage VARCHAR COLLATE "C" NOT NULL,
    claim_pay BIGINT,
    claim_digest VARCHAR COLLATE "C",
    claim_until BIGINT,
    claimed_block BIGINT,
    dispute_bond BIGINT,
    dispute_until BIGINT,
    disputed_block BIGINT,
    outcome BIGINT,
    paid BIGINT,
    fee BIGINT,
    refund BIGINT,
    result_digest VARCHAR COLLATE "C",
    close_reason BIGINT,
    closed_block BIGINT,
    closed_tx VARCHAR COLLATE "C",
    PRIMARY KEY (id),
    UNIQUE (lease_id)
);
CREATE INDEX leases_by_agent ON leases (agent, id);
CREATE INDEX leases_by_bid ON leases (bid_hash);
CREATE INDEX leases_by_group ON leases ("group", opened_tx);
CREATE INDEX leases_by_provider ON leases (provider, id);
CREATE INDEX leases_by_stage ON leases (stage);
CREATE TABLE nodes (
    agent VARCHAR COLLATE "C" NOT NULL,
    last_seen BIGINT NOT NULL,
    drains_by BIGINT NOT NULL,
    PRIMARY KEY (agent)
);
CREATE TABLE notices (
    lease_id VARCHAR COLLATE "C" NOT NULL,
    bid_hash VARCHAR COLLATE "C" NOT NULL,
    round_number BIGINT NOT NULL,
    given_at BIGINT NOT NULL,
    stops_at BIGINT NOT NULL,
    PRIMARY KEY (lease_id)
);
CREATE TABLE oracle_faults (
    id BIGSERIAL NOT NULL,
    lease_id VARCHAR COLLATE "C" NOT NULL,
    oracle VARCHAR COLLATE "C" NOT NULL,
    kind VARCHAR COLLATE "C" NOT NULL,
    noted_at BIGINT NOT NULL,
    evidence JSON NOT NULL,
    PRIMARY KEY (id),
    UNIQUE (lease_id, oracle, kind)
);
CREATE INDEX oracle_faults_by_oracle ON oracle_faults (oracle, id);
CREATE TABLE outbox (
    id BIGSERIAL NOT NULL,
    kind VARCHAR COLLATE "C" NOT NULL,
    payload JSON NOT NULL,
    state VARCHAR COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    tx_hash VARCHAR COLLATE "C" NOT NULL,
    nonce BIGINT NOT NULL,
    raw VARCHAR COLLATE "C" NOT NULL,
    replaced JSON NOT NULL,
    attempts BIGINT NOT NULL,
    next_try_at DOUBLE PRECISION NOT NULL,
    sent_at DOUBLE PRECISION NOT NULL,
    block BIGINT NOT NULL,
    error VARCHAR COLLATE "C" NOT NULL,
    PRIMARY KEY (id)
);
CREATE INDEX outbox_by_state ON outbox (state, id);
CREATE INDEX outbox_by_transaction ON outbox (tx_hash);
CREATE TABLE receipts (
    lease_id VARCHAR COLLATE "C" NOT NULL,
    receipt JSON NOT NULL,
    signature VARCHAR COLLATE "C" NOT NULL,
    received_at BIGINT NOT NULL,
    PRIMARY KEY (lease_id)
);
CREATE TABLE rounds (
    number BIGSERIAL NOT NULL,
    digest VARCHAR COLLATE "C" NOT NULL,
    cleared_at BIGINT NOT NULL,
    summary JSON NOT NULL,
    PRIMARY KEY (number)
);
CREATE TABLE seals (
    lease_id VARCHAR COLLATE "C" NOT NULL,
    oracle VARCHAR COLLATE "C" NOT NULL,
    seal JSON NOT NULL,
    signature VARCHAR COLLATE "C" NOT NULL,
    received_at BIGINT NOT NULL,
    is_late BOOLEAN NOT NULL,
    PRIMARY KEY (lease_id, oracle)
);
CREATE INDEX seals_by_oracle ON seals (oracle);
CREATE TABLE timeline (
    id BIGSERIAL NOT NULL,
    bid_hash VARCHAR COLLATE "C" NOT NULL,
    lease_id VARCHAR COLLATE "C" NOT NULL,
    at BIGINT NOT NULL,
    kind VARCHAR COLLATE "C" NOT NULL,
    detail JSON NOT NULL,
    PRIMARY KEY (id)
);
CREATE INDEX timeline_by_bid ON timeline (bid_hash, id);
CREATE TABLE verdicts (
    lease_id VARCHAR COLLATE "C" NOT NULL,
    oracle VARCHAR COLLATE "C" NOT NULL,
    reveal JSON NOT NULL,
    signature VARCHAR COLLATE "C" NOT NULL,
    received_at BIGINT NOT NULL,
    is_late BOOLEAN NOT NULL,
    PRIMARY KEY (lease_id, oracle)
);
CREATE INDEX verdicts_by_oracle ON verdicts (oracle);
CREATE TABLE batch_leases (
    lease_id VARCHAR COLLATE "C" NOT NULL,
    digest VARCHAR COLLATE "C" NOT NULL,
    PRIMARY KEY (lease_id, digest),
    FOREIGN KEY(digest) REFERENCES batches (digest)
);
CREATE TABLE batch_signatures (
    digest VARCHAR COLLATE "C" NOT NULL,
    oracle VARCHAR COLLATE "C" NOT NULL,
    signature VARCHAR COLLATE "C" NOT NULL,
    PRIMARY KEY (digest, oracle),
    FOREIGN KEY(digest) REFERENCES batches (digest)
);
CREATE TABLE matches (
    id BIGSERIAL NOT NULL,
    round_number BIGINT NOT NULL,
    outbox_id BIGINT NOT NULL,
    bid_hash VARCHAR COLLATE "C" NOT NULL,
    ask_hash VARCHAR COLLATE "C" NOT NULL,
    provider VARCHAR COLLATE "C" NOT NULL,
    price BIGINT NOT NULL,
    lease_id VARCHAR COLLATE "C" NOT NULL,
    state VARCHAR COLLATE "C" NOT NULL,
    reason VARCHAR COLLATE "C" NOT NULL,
    dropped_block BIGINT,
    PRIMARY KEY (id),
    FOREIGN KEY(round_number) REFERENCES rounds (number),
    FOREIGN KEY(outbox_id) REFERENCES outbox (id),
    FOREIGN KEY(bid_hash) REFERENCES bids (bid_hash),
    FOREIGN KEY(ask_hash) REFERENCES asks (ask_hash)
);
CREATE INDEX matches_by_bid ON matches (bid_hash);
CREATE INDEX matches_by_lease ON matches (lease_id);
CREATE INDEX matches_by_outbox ON matches (outbox_id);
CREATE INDEX matches_by_state ON matches (state);
CREATE TABLE round_bids (
    bid_hash VARCHAR COLLATE "C" NOT NULL,
    number BIGINT NOT NULL,
    PRIMARY KEY (bid_hash, number),
    FOREIGN KEY(number) REFERENCES rounds (number)
);
CREATE TABLE transcripts (
    number BIGINT NOT NULL,
    transcript JSON NOT NULL,
    PRIMARY KEY (number),
    FOREIGN KEY(number) REFERENCES rounds (number)
);
