"""Jobs on a Ray cluster: how its machines are counted, what they are handed, and the one process that talks to Ray."""
