"""Who runs guests: the interface operations use, and the drivers behind it."""
