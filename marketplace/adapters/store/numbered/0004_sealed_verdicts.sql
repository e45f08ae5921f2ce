-- Verdicts are sealed before they are shown. Those that came in the open are given anew by their oracles, sealed, for
-- leases that are still open; a batch that was proposed of them is proposed anew.
UPDATE batches SET state = 'failed', reason = 'its verdicts were not sealed' WHERE state = 'proposed';
DROP TABLE verdicts;

CREATE TABLE verdicts (
    lease_id TEXT NOT NULL,
    oracle TEXT NOT NULL,
    reveal JSON NOT NULL,
    signature TEXT NOT NULL,
    received_at INTEGER NOT NULL,
    is_late BOOLEAN NOT NULL,
    PRIMARY KEY (lease_id, oracle)
);

CREATE INDEX verdicts_by_oracle ON verdicts (oracle);

CREATE TABLE seals (
    lease_id TEXT NOT NULL,
    oracle TEXT NOT NULL,
    seal JSON NOT NULL,
    signature TEXT NOT NULL,
    received_at INTEGER NOT NULL,
    is_late BOOLEAN NOT NULL,
    PRIMARY KEY (lease_id, oracle)
);
CREATE INDEX seals_by_oracle ON seals (oracle);

-- How far the oracles are with a lease; without a row it has no evidence that they are to judge.
CREATE TABLE judgements (
    lease_id TEXT NOT NULL PRIMARY KEY,
    attested_at INTEGER NOT NULL,
    opened_at INTEGER,
    members JSON NOT NULL,
    concluded_at INTEGER
);
CREATE INDEX judgements_under_way ON judgements (attested_at) WHERE concluded_at IS NULL;
INSERT INTO judgements (lease_id, attested_at, members)
    SELECT attestations.lease_id, attestations.received_at, '[]' FROM attestations
    JOIN leases ON leases.lease_id = attestations.lease_id
    JOIN bids ON bids.bid_hash = leases.bid_hash
    WHERE leases.closed_block IS NULL AND json_extract(bids.bid, '$.verification') IN (0, 1);

CREATE TABLE oracle_faults (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    lease_id TEXT NOT NULL,
    oracle TEXT NOT NULL,
    kind TEXT NOT NULL,
    noted_at INTEGER NOT NULL,
    evidence JSON NOT NULL,
    UNIQUE (lease_id, oracle, kind)
);
CREATE INDEX oracle_faults_by_oracle ON oracle_faults (oracle, id);
