"""Drawn glyphs: fonts, drawing, captions, and held-out combinations of attributes."""
