"""Names in MLflow's model registry: aliases and tags of versions, and a heading of descriptions."""

# Aliases of versions.
CHAMPION = "champion"
CHALLENGER = "challenger"

# Tags of a version.
EVIDENCE = "updraft.evidence"  # The hash of its evidence.
VERDICT = "updraft.verdict"  # The gate's decision, or that the version was promoted.
REASONS = "updraft.reasons"  # Why, one reason a line.
COMPARED = "updraft.compared_with"  # The champion that it was compared with.

VERDICT_HEADING = "\n\n## Verdict: "  # The gate appends its verdict to a description under this.
