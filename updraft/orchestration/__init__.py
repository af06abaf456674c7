"""DAG factories and the one operator they are built from. Parsing imports nothing of Spark's, MLflow's or GX's runtime."""
