"""How a market is operated: containers, manifests, what Prometheus and Grafana read."""
