"""What the dApp weighs, how soon it answers, and whether everybody can use it."""
