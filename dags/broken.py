"""A DAG for each use case that has mistakes, in Airflow as `<use_case>_broken`.

It lists the mistakes, and fails.
"""

from updraft.core.use_case import broken_use_cases
from updraft.orchestration.broken import broken_dag

for name, mistakes in broken_use_cases().items():
    broken_dag(name, mistakes)
