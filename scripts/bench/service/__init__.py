"""What the market's service can take: orders, jobs settled, latency, heartbeats, recovery after a kill, a long soak."""
