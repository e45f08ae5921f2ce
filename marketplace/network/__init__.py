"""Going out to addresses that strangers name, from the agent's machine or the market's."""
