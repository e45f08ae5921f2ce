CREATE TABLE checkpoints (
    lease_id TEXT PRIMARY KEY,
    checkpoint JSON NOT NULL,
    signature TEXT NOT NULL,
    manifest JSON NOT NULL,
    received_at INTEGER NOT NULL
);
