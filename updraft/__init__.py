"""Updraft: an Airflow repository that keeps machine-learning models in production honest."""
