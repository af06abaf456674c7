"""The command line: where the packages meet for a person, as they meet in spark_jobs/ for a DAG."""
