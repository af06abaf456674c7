"""The training DAG of each use case, in Airflow as `<use_case>_training`."""

from updraft.core.use_case import load_use_case, use_case_names
from updraft.orchestration.training import training_dag

for name in use_case_names():
    training_dag(load_use_case(name))
