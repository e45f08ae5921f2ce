"""Network for jobs that bought it: a filtering proxy that one job alone can reach, and that reaches its hosts alone."""
