"""What a provider's agent costs beside the jobs that it runs."""
