"""The monitoring DAG of each use case, in Airflow as `<use_case>_monitoring`."""

from updraft.core.use_case import load_use_case, use_case_names
from updraft.orchestration.monitoring import monitoring_dag

for name in use_case_names():
    monitoring_dag(load_use_case(name))
