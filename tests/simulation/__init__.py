"""The whole market under simulated clock, network, disk and chain: one thread, one seed, every fault."""
