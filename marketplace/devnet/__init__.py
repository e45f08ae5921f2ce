"""A chain of one's own for trying out, demo and tests: ganache and the contracts, gone when their user is gone."""

from marketplace.devnet.chain import Deployment, Devnet
from marketplace.devnet.process import ManagedProcess, PortTaken, free_port, is_listening, require_free_port

__all__ = ["Deployment", "Devnet", "ManagedProcess", "PortTaken", "free_port", "is_listening", "require_free_port"]
