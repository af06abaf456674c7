"""HTML pages that jobs write for people: their titles by job, and the URL prefix they have."""

PAGES = {"validate": "Data Docs", "drift": "Drift report", "decide": "History of monitoring"}
PREFIX = "/pages"  # Below Airflow's own address.
