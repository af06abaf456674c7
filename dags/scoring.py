"""The scoring DAG of each use case, in Airflow as `<use_case>_scoring`."""

from updraft.core.use_case import valid_use_cases
from updraft.orchestration.broken import dag_or_broken
from updraft.orchestration.scoring import scoring_dag

for use_case in valid_use_cases():
    dag_or_broken(scoring_dag, use_case)
