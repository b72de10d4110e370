"""The deployment files fit together: there is no container engine in the tests, so they are read and compared."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if name != "postgres"}
VARIABLE = re.compile(r"\$\{(?P<name>[A-Z_]+)(?P<rule>:[?-])?(?P<text>[^}]*)\}")
SECRET = re.compile(r"PASSWORD|SECRET|KEY|CONN_")
MESSAGE = "set it in .env, see .env.example"


def variables() -> list[re.Match[str]]:
    return list(VARIABLE.finditer((ROOT / "docker-compose.yaml").read_text()))


def test_the_services_are_those_of_one_host() -> None:
    assert set(SERVICES) == {"postgres", "init", "api-server", "scheduler", "dag-processor", "triggerer", "janitor"}


def test_one_image_everywhere_with_the_version_of_the_package() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert {service["image"] for service in OURS.values()} == {f"storykeep:{version}"}
    assert SERVICES["postgres"]["image"] == "postgres:18"


@pytest.mark.parametrize("name", ["api-server", "scheduler", "dag-processor", "triggerer"])
def test_each_program_of_airflow_runs_under_its_own_name(name: str) -> None:
    assert SERVICES[name]["command"][:2] == ["airflow", name]


def test_init_makes_both_databases_before_anything_else_starts() -> None:
    (line,) = SERVICES["init"]["command"][2:]
    assert line.split(" && ") == [
        "python -m storykeep.local.airflow_database",
        "airflow db migrate",
        "storykeep db upgrade",
    ]
    assert (ROOT / "include" / "storykeep" / "local" / "airflow_database.py").is_file()
    assert SERVICES["init"]["restart"] == "no"
    for name in OURS.keys() - {"init"}:
        assert SERVICES[name]["depends_on"]["init"] == {"condition": "service_completed_successfully"}


def test_tasks_run_in_the_scheduler_four_at_a_time() -> None:
    environment = SERVICES["scheduler"]["environment"]
    assert environment["AIRFLOW__CORE__EXECUTOR"] == "LocalExecutor"
    assert environment["AIRFLOW__CORE__PARALLELISM"] == "4"


def test_old_metadata_and_logs_of_airflow_go_every_day_and_a_failure_shows() -> None:
    *_, script = SERVICES["janitor"]["command"]
    assert "airflow db clean --clean-before-timestamp" in script
    assert {"--skip-archive", "--yes", "--error-on-cleanup-failure"} <= set(script.split())
    # The health check looks at what is written only when all of it ended well.
    told = re.search(r"-delete &&\n  touch (\S+)\n  sleep 86400", script)
    assert told and f"find {told[1]} -mmin" in SERVICES["janitor"]["healthcheck"]["test"][1]
    (logs,) = (mount for mount in SERVICES["janitor"]["volumes"] if mount.startswith("logs:"))
    assert f"find {logs.partition(':')[2]} -type f" in script


def test_every_service_that_stays_has_a_health_check() -> None:
    checked = {name: service["healthcheck"]["test"] for name, service in SERVICES.items() if name != "init"}
    assert checked["scheduler"] == ["CMD", "storykeep", "status"]
    assert "pg_isready" in checked["postgres"]
    jobs = {name: test[-2] for name, test in checked.items() if "jobs" in test}
    assert jobs == {"dag-processor": "DagProcessorJob", "triggerer": "TriggererJob"}


def test_every_variable_is_in_the_example_and_all_that_is_to_be_filled_in_is_asked_for() -> None:
    example = (ROOT / ".env.example").read_text()
    listed = set(re.findall(r"^(?:# )?([A-Z][A-Z_]*)=", example, re.MULTILINE))
    to_fill = set(re.findall(r"^([A-Z][A-Z_]*)=", example, re.MULTILINE))
    asked = {match["name"] for match in variables()}
    assert asked <= listed
    assert to_fill == {match["name"] for match in variables() if match["rule"] == ":?"}


def test_every_secret_is_required_and_none_has_a_default() -> None:
    secrets = [match for match in variables() if SECRET.search(match["name"])]
    assert len(secrets) >= 9
    assert {(match["rule"], match["text"]) for match in secrets} == {(":?", MESSAGE)}


def test_no_password_is_written_down() -> None:
    for name, service in SERVICES.items():
        for variable, value in service["environment"].items():
            if re.search(r"PASSWORD$|SECRET|KEY|://", variable + value) and "FILE" not in variable:
                rest = VARIABLE.sub("", value)
                assert "://" not in rest or re.search(r"//\w+:@|//api-server:8080/", rest), f"{name}: {variable}"
                assert "://" in rest or not rest, f"{name}: {variable}"


def test_only_init_has_the_admin_login_and_the_password_of_bi() -> None:
    for variable in ("AIRFLOW_CONN_WAREHOUSE_ADMIN", "STORYKEEP_BI_PASSWORD"):
        assert [name for name in OURS if variable in SERVICES[name]["environment"]] == ["init"]


def test_what_is_mounted_exists_is_read_only_and_lies_where_the_image_has_it() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    for name, service in OURS.items():
        mounts = [mount.split(":") for mount in service["volumes"] if mount.startswith(".")]
        assert {source for source, *_ in mounts} == {"./dags", "./plugins", "./include", "./dbt"}, name
        for source, target, mode in mounts:
            assert (ROOT / source).is_dir()
            assert mode == "ro"
            folder = source.removeprefix("./")
            assert target == f"/opt/storykeep/{folder}"
            assert f"COPY {folder} {folder}" in dockerfile


def test_what_is_written_goes_to_volumes_that_are_declared_and_that_the_image_made_for_its_user() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    for service in SERVICES.values():
        for volume, target, *_ in (mount.split(":") for mount in service["volumes"] if not mount.startswith(".")):
            assert volume in COMPOSE["volumes"]
            assert target == "/var/lib/postgresql" or target in dockerfile
    passwords = SERVICES["api-server"]["environment"]["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"]
    assert passwords.startswith("/var/lib/storykeep/")


def test_ports_are_open_to_this_host_only() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert len(ports) == 2
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_what_the_image_copies_exists_and_is_let_in() -> None:
    sources = [
        source
        for line in (ROOT / "Dockerfile").read_text().splitlines()
        if line.startswith("COPY ") and "--from" not in line
        for source in line.split()[1:-1]
    ]
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert {"include", "requirements.lock"} <= set(sources)
    for source in sources:
        assert (ROOT / source).exists()
        assert source in let_in


def test_the_image_does_not_run_as_root() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    assert [line for line in lines if line.startswith("USER ")] == ["USER storykeep"]
