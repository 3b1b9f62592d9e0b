"""Kinds of generators: what each is trained by, and all that is known of it in one place."""
