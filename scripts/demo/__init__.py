"""The demo: the main job of the market, told as a story, with real work, real money moves and a final audit."""
