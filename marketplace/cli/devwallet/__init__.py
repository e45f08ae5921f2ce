"""A wallet for trying out the dApp on the local market of `hive dev`; nothing else ever serves it."""
