-- That a better bid wants the unit of a preemptible lease: which, by which round, and when the job is to be stopped.
CREATE TABLE notices (
    lease_id TEXT PRIMARY KEY,
    bid_hash TEXT NOT NULL,
    round_number INTEGER NOT NULL,
    given_at INTEGER NOT NULL,
    stops_at INTEGER NOT NULL
);
