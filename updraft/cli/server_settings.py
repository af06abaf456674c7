"""The configuration of the local Airflow and MLflow servers."""

import json
import os
from pathlib import Path

from updraft.cli import airflow_database
from updraft.core.settings import REPO


def airflow_variables(address: str, folder: Path, secrets: dict[str, str]) -> dict[str, str]:
    """Return Airflow's environment variables.

    ``address``: the server's, empty for DAGs that run without a scheduler. ``folder``: the servers'
    own.
    """
    connect_args = f"{airflow_database.__name__}.CONNECT_ARGS"
    airflow_home = folder / ("airflow" if address else "run")
    spark = {
        "conn_type": "spark",
        "host": f"local[{os.cpu_count()}]",
        "extra": {"deploy-mode": "client"},
    }
    variables = {
        "AIRFLOW_HOME": str(airflow_home),
        "AIRFLOW__CORE__DAGS_FOLDER": os.environ.get(
            "AIRFLOW__CORE__DAGS_FOLDER", str(REPO / "dags")
        ),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(REPO / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": str((os.cpu_count() or 1) + 1),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "admin:admin",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(folder / "airflow_passwords.json"),
        "AIRFLOW__CORE__FERNET_KEY": secrets["fernet_key"],
        "AIRFLOW__API__SECRET_KEY": secrets["api_secret"],
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets["jwt_secret"],
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{airflow_home / 'airflow.db'}",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONNECT_ARGS": connect_args,
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONNECT_ARGS_ASYNC": connect_args,
        # A worker that starts a task while the servers start waits a minute and more for the API;
        # by default it gives up after 15 s, and the task has failed for good.
        "AIRFLOW__WORKERS__EXECUTION_API_RETRIES": "8",
        # Halves the cost of parsing while nothing changes.
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "60",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        "AIRFLOW_CONN_SPARK_DEFAULT": os.environ.get(
            "AIRFLOW_CONN_SPARK_DEFAULT", json.dumps(spark)
        ),
    }
    if address:
        variables["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"] = f"{address}/execution/"
        variables["AIRFLOW__API__BASE_URL"] = address
    return variables


def mlflow_variables(address: str, folder: Path, secrets: dict[str, str]) -> dict[str, str]:
    """Return the environment variables of MLflow's server and of its clients."""
    return {
        "MLFLOW_TRACKING_URI": address,
        "MLFLOW_TRACKING_USERNAME": "admin",
        "MLFLOW_TRACKING_PASSWORD": secrets["mlflow_password"],
        "MLFLOW_AUTH_CONFIG_PATH": str(folder / "mlflow_auth.ini"),
        "MLFLOW_FLASK_SERVER_SECRET_KEY": secrets["flask_secret"],
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "1",
        "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
        "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    }


def mlflow_auth(folder: Path, secrets: dict[str, str]) -> str:
    """Return the configuration of MLflow's login."""
    lines = [
        "[mlflow]",
        "default_permission = NO_PERMISSIONS",
        "admin_username = admin",
        f"admin_password = {secrets['mlflow_password']}",
        f"database_uri = sqlite:///{folder / 'mlflow_auth.db'}",
        "authorization_function = mlflow.server.auth:authenticate_request_basic_auth",
        # Without a cache the password is checked three times a request, which takes 0.4 s of CPU.
        "auth_cache_ttl_seconds = 60",
    ]
    return "".join(f"{line}\n" for line in lines)
