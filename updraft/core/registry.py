"""Names that MLflow's model registry and those who read it share."""

CHAMPION, CHALLENGER = "champion", "challenger"  # Aliases of versions.
# Tags of a version: the hash of its evidence; the gate's word, or that it was promoted; why; against which champion.
EVIDENCE, VERDICT, REASONS, COMPARED = "updraft.evidence", "updraft.verdict", "updraft.reasons", "updraft.compared_with"
VERDICT_HEADING = "\n\n## Verdict: "  # What the gate adds to a version's description begins so.
