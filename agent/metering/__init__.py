"""What a job takes of this machine: measured where the machine tells, modelled where it does not, and signed."""
