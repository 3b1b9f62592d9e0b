"""Text to image on captioned glyphs: training, judges, figures and tables."""
