"""How a provider is installed as a service: unit, user, container image, Debian package."""
