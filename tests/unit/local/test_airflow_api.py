"""The client of Airflow's REST API, against a small server that answers as Airflow does."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from storykeep.errors import StorykeepError
from storykeep.local.airflow_api import AirflowApi, wait_for

PASSWORD = "pa55word"


class Airflow(ThreadingHTTPServer):
    """Hands out numbered tokens, of which only the last is good, and 250 runs in pages."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.logins = 0
        self.statuses = {"metadatabase": "healthy", "scheduler": None, "triggerer": "unhealthy"}
        self.triggered: list[Any] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: Airflow

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        if url.path == "/api/v2/monitor/health":
            return self.answer(200, {name: {"status": status} for name, status in self.server.statuses.items()})
        if self.headers["Authorization"] != f"Bearer token-{self.server.logins}":
            return self.answer(401, {"detail": "who are you?"})
        if url.path == "/api/v2/dags/capture/dagRuns":
            query = {key: int(value) for key, (value,) in parse_qs(url.query).items() if value.isdigit()}
            page = range(query["offset"], min(query["offset"] + query["limit"], 250))
            runs = [{"dag_run_id": f"run {n}", "state": "success"} for n in page]
            return self.answer(200, {"dag_runs": runs, "total_entries": 250})
        if url.path == "/api/v2/dags/build/dagRuns/one/upstreamAssetEvents":
            return self.answer(200, {"asset_events": [{"source_run_id": "run 7"}], "total_entries": 1})
        if url.path.endswith("/logs/2"):
            assert self.headers["Accept"] == "application/json"
            cause = {"exc_type": "StorykeepError", "exc_value": "@nora: expired"}
            lines = [{"timestamp": "12:00", "event": "began"}, {"event": "Task failed", "error_detail": [cause]}]
            return self.answer(200, {"content": lines})
        return self.answer(404, {"detail": "no such thing"})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/auth/token":
            if body != {"username": "admin", "password": PASSWORD}:
                return self.answer(401, {"detail": "Invalid credentials"})
            self.server.logins += 1
            return self.answer(201, {"access_token": f"token-{self.server.logins}"})
        self.server.triggered.append((self.path, body))
        return self.answer(200, {"dag_run_id": "manual"})

    def answer(self, status: int, body: Any) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


@pytest.fixture
def airflow() -> Iterator[Airflow]:
    server = Airflow()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def api(airflow: Airflow) -> AirflowApi:
    return AirflowApi(airflow.url, "admin", PASSWORD)


def test_all_pages_are_read(api: AirflowApi) -> None:
    assert [run["dag_run_id"] for run in api.runs("capture")] == [f"run {n}" for n in range(250)]


def test_logs_in_once_and_again_when_the_token_has_run_out(api: AirflowApi, airflow: Airflow) -> None:
    api.runs("capture")
    assert airflow.logins == 1
    airflow.logins = 5
    assert len(api.runs("capture")) == 250
    assert airflow.logins == 6


def test_a_run_tells_which_runs_caused_it(api: AirflowApi) -> None:
    assert [event["source_run_id"] for event in api.causes("build", "one")] == ["run 7"]


def test_a_wrong_password_is_an_error_that_does_not_show_it(airflow: Airflow) -> None:
    with pytest.raises(StorykeepError, match="refused the login with status 401") as caught:
        AirflowApi(airflow.url, "admin", "wr0ng").runs("capture")
    assert "wr0ng" not in str(caught.value)


def test_a_run_is_triggered_now_with_its_conf(api: AirflowApi, airflow: Airflow) -> None:
    assert api.trigger("capture", {"handle": "nora"}) == "manual"
    assert airflow.triggered == [("/api/v2/dags/capture/dagRuns", {"logical_date": None, "conf": {"handle": "nora"}})]


def test_a_log_shows_what_was_raised(api: AirflowApi) -> None:
    log = api.log("watch", "run", "watch", attempt=2)
    assert log == "12:00 began\nTask failed StorykeepError: @nora: expired"


def test_what_does_not_exist_is_said(api: AirflowApi) -> None:
    with pytest.raises(StorykeepError, match=r"GET /dags/none/dagRuns with status 404: .*no such thing"):
        api.runs("none")


def test_only_what_says_so_is_healthy(api: AirflowApi) -> None:
    assert api.healthy() == {"metadatabase"}


def test_nothing_is_healthy_and_every_call_says_so_when_nobody_answers(airflow: Airflow) -> None:
    api = AirflowApi("http://127.0.0.1:1", "admin", PASSWORD)
    assert api.healthy() == set()
    with pytest.raises(StorykeepError, match=r"http://127\.0\.0\.1:1: Airflow does not answer \(ConnectionError\)"):
        api.runs("capture")


def test_waiting_ends_with_what_was_waited_for_or_says_what_it_was() -> None:
    answers = iter([None, None, "there"])
    assert wait_for(lambda: next(answers), 5, what="it", every=0) == "there"
    with pytest.raises(StorykeepError, match="in vain for a run"):
        wait_for(lambda: None, 0, what="a run", every=0)
