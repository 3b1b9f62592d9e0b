"""Drawing for reports: curves, grids, tables, figures, and the HTML around them."""
