-- What the agent says that a run took of its machine, with its signature; NULL where it says nothing.
ALTER TABLE attestations ADD COLUMN usage JSON;
