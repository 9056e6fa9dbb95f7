"""The commands of the command line, one module each: how it is called, and what it does."""
