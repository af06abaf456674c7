"""The data DAG of each use case, in Airflow as `<use_case>_data`."""

from updraft.core.use_case import load_use_case, use_case_names
from updraft.orchestration.data import data_dag

for name in use_case_names():
    data_dag(load_use_case(name))
