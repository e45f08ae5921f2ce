"""`hive`, one command for renters, providers, oracles and operators. Parse, call one function, render."""
