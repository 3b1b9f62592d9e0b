"""Options that the verbs share: those of a family, their place in the help, and the values that are typed."""
