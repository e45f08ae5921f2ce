"""Simulations beside the formulas of `docs/explanation`: what a page claims is played with the rules in use."""
