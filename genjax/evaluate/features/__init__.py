"""Features of images by fixed networks: the registry, a file a network, statistics of real sets."""
