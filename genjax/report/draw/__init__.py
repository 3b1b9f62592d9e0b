"""What a report is drawn with: curves, grids, tables, the HTML around them."""
