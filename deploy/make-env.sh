#!/bin/sh
# Writes .env, or the file that is its argument: random passwords and keys for docker-compose.yaml,
# which only you can read.
set -eu
file=${1:-$(cd -- "$(dirname -- "$0")/.." && pwd)/.env}
random() { od -An -v -N24 -tx1 /dev/urandom | tr -d ' \n'; }

if [ -e "$file" ]; then
    echo "$file exists and stays unchanged: the databases keep their first passwords." >&2
    exit 1
fi
umask 077
cat >"$file" <<END
# Made by deploy/make-env.sh for docker-compose.yaml. Keep it out of git, and keep it as long as the
# data: the passwords of the databases and of MLflow are set at the first start, and the Fernet key
# decrypts the connections saved in Airflow. Both user names are admin.
AIRFLOW_ADMIN_PASSWORD=$(random)
MLFLOW_ADMIN_PASSWORD=$(random)

POSTGRES_PASSWORD=$(random)
AIRFLOW_DB_PASSWORD=$(random)
MLFLOW_DB_PASSWORD=$(random)

AIRFLOW_FERNET_KEY=$(head -c 32 /dev/urandom | base64 | tr '+/' '-_')
AIRFLOW_API_SECRET=$(random)
AIRFLOW_JWT_SECRET=$(random)
MLFLOW_FLASK_SECRET=$(random)

# If these ports are in use on this machine, or it can run more tasks at the same time:
# AIRFLOW_PORT=8080
# MLFLOW_PORT=5000
# PARALLEL_TASKS=2
END
echo "Wrote $file."
