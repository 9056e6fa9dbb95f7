"""How fast the server is, measured beside its peers in one run."""
