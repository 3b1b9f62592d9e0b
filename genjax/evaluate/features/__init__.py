"""Features of images by fixed networks: a file a network, the list of them, and the cache of real sets."""
