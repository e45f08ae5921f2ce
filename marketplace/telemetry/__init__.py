"""What every process tells about itself: metrics (Prometheus), traces (OpenTelemetry), and whose log lines are."""
