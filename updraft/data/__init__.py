"""Rows: the Spark session, the Delta tables, ingestion from the landing folder, features."""
