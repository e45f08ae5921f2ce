"""Canaries: planting a lie, telling it, and showing which oracles signed for it. `docs/how-to/plant-canaries.md`."""
