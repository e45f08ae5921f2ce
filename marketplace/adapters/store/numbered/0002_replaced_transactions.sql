-- Hashes of earlier transactions with the same nonce, sent for a fee that no longer did: one of all these is mined.
ALTER TABLE outbox ADD COLUMN replaced JSON NOT NULL DEFAULT '[]';
