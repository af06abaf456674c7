"""How good models are on the same rows: metrics, intervals, rankings, slices, the judging, the comparison, pictures."""
