"""Speed of genjax, on this machine and on paper: scripts, the timed cases, and the peers beside them."""
