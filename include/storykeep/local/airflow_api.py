"""Airflow's own REST API, as far as a demo and an end-to-end test need it."""

import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import requests

from storykeep.errors import StorykeepError

REQUEST_SECONDS = 30
PAGE = 100
COMPONENTS = frozenset({"metadatabase", "scheduler", "triggerer", "dag_processor"})
ENDED = frozenset({"success", "failed"})

Json = dict[str, Any]
Found = TypeVar("Found")


class AirflowApi:
    """The API at `url`, logged in as one user of the SimpleAuthManager when the first call needs it."""

    def __init__(self, url: str, user: str, password: str) -> None:
        self._url = url
        self._user = user
        self._password = password
        self._session = requests.Session()

    def healthy(self) -> set[str]:
        """Those of COMPONENTS that report themselves healthy; none while the API server is not up."""
        try:
            health = requests.get(f"{self._url}/api/v2/monitor/health", timeout=REQUEST_SECONDS).json()
        except (requests.RequestException, ValueError):
            return set()
        return {name for name in COMPONENTS if (health.get(name) or {}).get("status") == "healthy"}

    def dag_ids(self) -> set[str]:
        """The DAGs that have been read so far."""
        return {dag["dag_id"] for dag in self._all("/dags", "dags")}

    def import_errors(self) -> list[Json]:
        """The DAG files that cannot be imported: `filename` and `stack_trace`."""
        return list(self._all("/importErrors", "import_errors"))

    def trigger(self, dag_id: str, conf: Json | None = None) -> str:
        """Start a run of the DAG now and return its run id."""
        run = self._call("POST", f"/dags/{dag_id}/dagRuns", json={"logical_date": None, "conf": conf or {}})
        return str(run["dag_run_id"])

    def runs(self, dag_id: str) -> list[Json]:
        """All runs of a DAG, the newest first: `dag_run_id`, `run_type`, `state`, `start_date`, `end_date` ..."""
        return list(self._all(f"/dags/{dag_id}/dagRuns", "dag_runs", order_by="-run_after"))

    def run(self, dag_id: str, run_id: str) -> Json:
        """One run of a DAG."""
        return self._call("GET", f"/dags/{dag_id}/dagRuns/{run_id}")

    def causes(self, dag_id: str, run_id: str) -> list[Json]:
        """The asset events that made the scheduler start a run: `source_dag_id`, `source_run_id`, `timestamp` ..."""
        events: list[Json] = self._call("GET", f"/dags/{dag_id}/dagRuns/{run_id}/upstreamAssetEvents")["asset_events"]
        return events

    def task_instances(self, dag_id: str, run_id: str) -> list[Json]:
        """The task instances of a run: `task_id`, `map_index`, `state`, `try_number` ..."""
        return list(self._all(f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances", "task_instances"))

    def log(self, dag_id: str, run_id: str, task_id: str, *, map_index: int = -1, attempt: int = 1) -> str:
        """The log of one attempt of a task, one line per event."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/logs/{attempt}"
        events = self._call("GET", path, params={"map_index": map_index})["content"]
        return "\n".join(_line(event) for event in events)

    def wait_for_run(self, dag_id: str, run_id: str, seconds: float) -> Json:
        """Wait until a run has ended and return it. Raises StorykeepError after `seconds`."""

        def ended() -> Json | None:
            run = self.run(dag_id, run_id)
            return run if run["state"] in ENDED else None

        return wait_for(ended, seconds, what=f"the end of run {run_id} of {dag_id}")

    def _all(self, path: str, key: str, **params: str) -> Iterator[Json]:
        seen = 0
        while True:
            page = self._call("GET", path, params={**params, "limit": PAGE, "offset": seen})
            yield from page[key]
            seen += len(page[key])
            if not page[key] or seen >= page["total_entries"]:
                return

    def _call(self, method: str, path: str, **options: Any) -> Json:
        if "Authorization" not in self._session.headers:
            self._log_in()
        response = self._request(method, f"/api/v2{path}", **options)
        if response.status_code == 401:  # the token has run out
            self._log_in()
            response = self._request(method, f"/api/v2{path}", **options)
        return self._read(response, f"{method} {path}")

    def _log_in(self) -> None:
        self._session.headers.pop("Authorization", None)
        response = self._request("POST", "/auth/token", json={"username": self._user, "password": self._password})
        token = self._read(response, "the login")["access_token"]
        self._session.headers["Authorization"] = f"Bearer {token}"

    def _request(self, method: str, path: str, **options: Any) -> requests.Response:
        headers = {"Accept": "application/json"}  # of the logs it would else stream lines
        try:
            return self._session.request(
                method, f"{self._url}{path}", timeout=REQUEST_SECONDS, headers=headers, **options
            )
        except requests.RequestException as error:
            raise StorykeepError(
                f"Airflow does not answer ({type(error).__name__})", where=self._url, remedy="is it still running?"
            ) from None

    def _read(self, response: requests.Response, what: str) -> Json:
        if not response.ok:
            raise StorykeepError(
                f"Airflow refused {what} with status {response.status_code}: {response.text[:300]}", where=self._url
            )
        body: Json = response.json()
        return body


def wait_for(probe: Callable[[], Found | None], seconds: float, *, what: str, every: float = 1.0) -> Found:
    """Ask `probe` until it has something, and return that. Raises StorykeepError after `seconds`."""
    deadline = time.monotonic() + seconds
    while (found := probe()) is None:
        if time.monotonic() > deadline:
            raise StorykeepError(f"waited {seconds:.0f} s in vain for {what}", where="Airflow")
        time.sleep(every)
    return found


def _line(event: Json) -> str:
    detail = event.get("error_detail") or []
    causes = [f"{cause.get('exc_type')}: {cause.get('exc_value')}" for cause in detail]
    return " ".join([str(event.get("timestamp") or ""), str(event.get("event") or ""), *causes]).strip()
