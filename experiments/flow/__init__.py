"""Flow models: quality against the steps of a drawing and the weight of guidance."""
