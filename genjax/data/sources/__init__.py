"""Where images come from, a file a source."""
