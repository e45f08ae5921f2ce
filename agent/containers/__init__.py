"""Container images as jobs, on a Docker engine: what they may use is bounded, what they leave is counted."""
