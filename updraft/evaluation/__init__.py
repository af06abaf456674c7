"""How good models are on the same rows: metrics, intervals, rankings, slices, evidence, plots."""
