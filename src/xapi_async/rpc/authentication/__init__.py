"""External authentication: which directory is in use, and the directories there are."""
