"""The release DAG of each use case, in Airflow as `<use_case>_release`."""

from updraft.core.use_case import valid_use_cases
from updraft.orchestration.broken import dag_or_broken
from updraft.orchestration.release import release_dag

for use_case in valid_use_cases():
    dag_or_broken(release_dag, use_case)
