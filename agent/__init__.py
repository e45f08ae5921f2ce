"""What runs on a provider's or an oracle's machine: sandbox, inventory, and the two daemons."""
