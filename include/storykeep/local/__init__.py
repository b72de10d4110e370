"""What runs on one machine: the embedded Postgres, the Airflow processes, the demo."""
