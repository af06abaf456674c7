"""What Airflow's UI gains: links from tasks to their MLflow runs."""

from airflow.plugins_manager import AirflowPlugin
from updraft.orchestration.links import MlflowRunLink


class UpdraftLinks(AirflowPlugin):
    """Registered by Airflow when it starts."""

    name = "updraft_links"
    operator_extra_links = (MlflowRunLink(),)
