"""The nouns of the market and their rules: pure, no I/O, time is an argument."""
