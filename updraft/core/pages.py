"""The pages that jobs write for people: which job writes one, what it is called, and below which address it is served."""

PAGES = {"validate": "Data Docs", "drift": "Drift report"}  # By job.
PREFIX = "/pages"  # Of the app that serves them, below Airflow's own address.
