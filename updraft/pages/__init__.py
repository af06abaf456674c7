"""What Airflow's UI gains: the apps that plugins/ registers, with their templates."""
