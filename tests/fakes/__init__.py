"""Stand-ins for what the services reach through ports, faithful in what the services rely on."""
