"""Models: which rows they learn from, the algorithm families, the search, export, evaluation, records in MLflow."""
