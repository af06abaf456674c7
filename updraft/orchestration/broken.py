"""The DAG that stands for a use case with mistakes, in place of its own DAGs.

Its `use_case.yaml` or `features.sql` is wrong, so its DAGs cannot be made. Other use cases are not
affected. Fix the mistakes: within a minute this DAG disappears, and the use case's own DAGs come
back, with their runs.
"""

import re
from collections.abc import Callable
from textwrap import indent

from airflow.sdk import DAG, task
from airflow.sdk.exceptions import AirflowFailException

from updraft.core.use_case import UseCase

TAG = "broken"  # The integrity test refuses it, so that nothing broken is merged.


def dag_or_broken(make: Callable[[UseCase], DAG], use_case: UseCase) -> DAG:
    """The use case's DAG; if it cannot be made, one that says why, so that the others are made."""
    try:
        return make(use_case)
    except Exception as error:  # noqa: BLE001  # One use case's error must not affect the others.
        return broken_dag(f"{use_case.name}_{make.__name__}", f"{type(error).__name__}: {error}")


def broken_dag(name: str, mistakes: str) -> DAG:
    """``<use_case>_broken``: one task, which fails with the mistakes.

    ``name`` is the name of the use case's folder, which may itself be invalid.
    """
    with DAG(
        dag_id=f"{re.sub(r'[^A-Za-z0-9_.-]', '_', name)}_{TAG}",
        dag_display_name=f"{name}: broken",
        description="The use case has mistakes, so its DAGs are missing.",
        # Indented text is code to Markdown: it shows what the files contain, and runs nothing.
        doc_md=f"{__doc__}\n{indent(mistakes, '    ')}\n",
        tags=["updraft", TAG],
        schedule=None,
        catchup=False,
        default_args={"owner": "updraft"},
    ) as dag:

        @task(task_id="mistakes", retries=0, doc_md="Fails, and says what is wrong.")
        def fail() -> None:
            raise AirflowFailException(mistakes)

        fail()
    return dag
