"""Drawn glyphs: fonts, drawing, captions, combinations that are held out."""
