"""What a registered version is and how it answers: its records in MLflow, its provenance, scores.

Only ``scoring`` and ``recommendations`` need Spark; the rest answers without it.
"""
