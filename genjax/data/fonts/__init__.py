"""The sources `fonts` and `font`: letters and digits of typefaces, with the family's character, weight and slant."""
