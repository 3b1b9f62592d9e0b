"""Experiments on fonts: the reader that judges letters, sources, and ten letters that become an alphabet."""
