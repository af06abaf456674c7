"""Training: the split of the rows, the algorithm families, the search, the export, registration."""
