"""The dApp: its sources (TypeScript, beside this file), and the route that serves what `make web` builds of them."""
