"""The rollback DAG of each use case, in Airflow as `<use_case>_rollback`."""

from updraft.core.use_case import valid_use_cases
from updraft.orchestration.broken import dag_or_broken
from updraft.orchestration.rollback import rollback_dag

for use_case in valid_use_cases():
    dag_or_broken(rollback_dag, use_case)
