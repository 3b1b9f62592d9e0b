"""The command line: one file reads it, one runs its verbs."""
