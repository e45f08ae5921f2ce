-- Private jobs: the ciphertexts of a result by path, keys of jobs encrypted to their holders, and oracles' public keys.
ALTER TABLE attestations ADD COLUMN sealed JSON;

CREATE TABLE key_grants (
    job_id TEXT NOT NULL,
    holder TEXT NOT NULL,
    signer TEXT NOT NULL,
    "grant" JSON NOT NULL,
    signature TEXT NOT NULL,
    ciphertext BLOB NOT NULL,
    received_at INTEGER NOT NULL,
    PRIMARY KEY (job_id, holder, signer)
);

CREATE TABLE key_offers (
    oracle TEXT PRIMARY KEY,
    offer JSON NOT NULL,
    signature TEXT NOT NULL
);
