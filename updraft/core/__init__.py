"""What every part shares: the use-case model, settings, intervals, reports and errors. Knows no Spark, MLflow or Airflow."""
