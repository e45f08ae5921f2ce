"""What is signed, hashed and metered: the innermost ring, shared by every party.

Pure: no I/O, no clock, no randomness. Everything another client needs to speak ComputeHive is here and in
`docs/protocol.md`; the Solidity side is held equal to it by tests.
"""
