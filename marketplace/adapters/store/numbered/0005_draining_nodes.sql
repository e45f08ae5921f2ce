-- When a node that takes no new leases will have left, unix seconds; 0 while it offers.
ALTER TABLE nodes ADD COLUMN drains_by INTEGER NOT NULL DEFAULT 0;
