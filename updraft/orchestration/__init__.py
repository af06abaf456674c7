"""DAG factories and the one operator that they use.

Parsing a DAG imports nothing of the runtime of Spark, MLflow or Great Expectations.
"""
