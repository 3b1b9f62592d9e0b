"""Building blocks that networks may take, one idea a file; those in use are named by the options of a family."""
