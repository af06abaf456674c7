"""The training DAG of each use case, in Airflow as `<use_case>_training`."""

from updraft.core.use_case import valid_use_cases
from updraft.orchestration.broken import dag_or_broken
from updraft.orchestration.training import training_dag

for use_case in valid_use_cases():
    dag_or_broken(training_dag, use_case)
