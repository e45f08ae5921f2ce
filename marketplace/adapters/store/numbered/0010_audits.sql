-- Draws of random audits: what each oracle sealed about an attestation, and the share that opens it; NULL until shown.
CREATE TABLE audits (
    lease_id TEXT NOT NULL,
    oracle TEXT NOT NULL,
    seal JSON NOT NULL,
    seal_signature TEXT NOT NULL,
    share JSON,
    share_signature TEXT,
    PRIMARY KEY (lease_id, oracle)
);
