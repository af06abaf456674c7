"""Names that MLflow's model registry and those who read it share."""

CHAMPION, CHALLENGER = "champion", "challenger"  # Aliases of versions.
LAST_CHAMPION = "updraft.champion"  # A tag of the registered model, which stays whatever becomes of the alias.
