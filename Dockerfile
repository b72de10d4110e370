# The one image of every Storykeep service: Airflow, dbt and the package, from the same lock as everywhere else.
FROM python:3.12-slim-bookworm AS build
RUN python -m venv /opt/venv
WORKDIR /opt/storykeep
COPY requirements.lock ./
RUN /opt/venv/bin/pip install --no-cache-dir --require-hashes -r requirements.lock -c requirements.lock
COPY pyproject.toml requirements.txt LICENSE ./
COPY include include
# Editable, so that the package is found where docker-compose.yaml mounts it.
RUN /opt/venv/bin/pip install --no-cache-dir --no-deps --no-build-isolation -e .

FROM python:3.12-slim-bookworm
RUN useradd --uid 50000 --create-home storykeep \
    && mkdir -p /opt/airflow/logs /var/lib/storykeep \
    && chown -R storykeep /opt/airflow /var/lib/storykeep
COPY --from=build /opt/venv /opt/venv
COPY --from=build /opt/storykeep /opt/storykeep
WORKDIR /opt/storykeep
COPY dags dags
COPY plugins plugins
COPY dbt dbt
ENV PATH=/opt/venv/bin:$PATH \
    AIRFLOW_HOME=/opt/airflow \
    AIRFLOW__CORE__DAGS_FOLDER=/opt/storykeep/dags \
    AIRFLOW__CORE__PLUGINS_FOLDER=/opt/storykeep/plugins \
    STORYKEEP_WORK_DIR=/var/lib/storykeep \
    PYTHONUNBUFFERED=1
USER storykeep
