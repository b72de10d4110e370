"""The Graph API client: asks in, exactly one answer to each out."""

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal

import requests
from pydantic import SecretStr

from storykeep.graph.asks import Answer as Answer
from storykeep.graph.asks import Ask as Ask
from storykeep.graph.asks import answer_of
from storykeep.graph.auth import is_sendable, proof
from storykeep.graph.batch import MAX_ITEMS, Batch
from storykeep.graph.blocks import Blocks
from storykeep.graph.errors import GraphError, ReconnectError
from storykeep.graph.replies import Reply, Result, read
from storykeep.graph.retry import Retry
from storykeep.graph.scopes import needed_scope
from storykeep.graph.transport import Transport, pooled_session
from storykeep.settings import FLAVOURS, Flavour, GraphSettings, Settings

Method = Literal["GET", "POST", "DELETE"]
_Send = Callable[[str, Mapping[str, str], SecretStr | None], Reply]


class GraphClient:
    """Speaks to one flavour's host for one app. Transient failures are retried inside, for seconds at most.

    `session`, `sleep`, `rng` (0 to 1) and `monotonic` (seconds) can be handed in; `concurrency` bounds the threads
    of the instagram flavour, which has no batch.
    """

    def __init__(
        self,
        api: GraphSettings,
        *,
        session: requests.Session | None = None,
        sleep: Callable[[float], None] = time.sleep,
        concurrency: int = 8,
        rng: Callable[[], float] = random.random,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.api = api
        self._threads = ThreadPoolExecutor(concurrency, thread_name_prefix="graph")
        transport = Transport(session or pooled_session(concurrency), monotonic=monotonic)
        self._send: Mapping[Method, _Send] = {
            "GET": transport.get,
            "POST": transport.post,
            "DELETE": transport.delete,
        }
        self._retry = Retry(sleep=sleep, rng=rng, monotonic=monotonic)
        self._batch = Batch(api, transport, self._retry)

    def answer(self, asks: Sequence[Ask]) -> Iterator[list[Answer]]:
        """Answer all asks, in order, in chunks of at most 50. A chunk is sent when it is asked for, not before.

        A failure is an answer with an error: nothing is raised. Once an account (or the app) is throttled, its
        remaining asks get that error without being sent.
        """
        chunks = (asks[start : start + MAX_ITEMS] for start in range(0, len(asks), MAX_ITEMS))
        blocks = Blocks()
        if self.api.flavour == "facebook":
            for chunk in chunks:
                answers = _checked(chunk, blocks, self._batch.answer)
                blocks.note(answers)
                yield answers
            return
        for chunk in chunks:
            yield list(self._threads.map(lambda ask: self._get(ask, blocks), chunk))

    def get(self, ask: Ask) -> Answer:
        """Answer one ask with a plain GET. Raises nothing."""
        return self._get(ask, Blocks())

    def fetch(
        self,
        path: str,
        params: Mapping[str, str],
        *,
        token: SecretStr | None = None,
        method: Method = "GET",
        once: bool = False,
    ) -> dict[str, Any]:
        """Ask for what belongs to no account, such as a token, or change something. Raises GraphError.

        `path` holds the version where one belongs, or is the whole URL of another host. Secrets may stand in
        `params`, as the token endpoints demand it; a POST has them in its body. `once` never asks again, for
        what cannot be repeated.
        """
        if token is not None and not is_sendable(token):
            raise _no_token()

        def send() -> Result:
            return self._request(path, params, token, method)

        result = send() if once else self._retry.result(send)
        if result.error:
            raise result.error
        body: dict[str, Any] = result.body
        return body

    def _get(self, ask: Ask, blocks: Blocks) -> Answer:
        answers = _checked([ask], blocks, lambda asks: [self._plain(one, blocks) for one in asks])
        blocks.note(answers)
        return answers[0]

    def _plain(self, ask: Ask, blocks: Blocks) -> Answer:
        path = f"{self.api.version}/{ask.path}"

        def send() -> Result:
            error = blocks.of(ask)  # another thread may have been told since, also between two attempts
            return Result(error=error) if error else self._request(path, ask.sent, ask.token)

        return answer_of(ask, self._retry.result(send))

    def _request(self, path: str, params: Mapping[str, str], token: SecretStr | None, method: Method = "GET") -> Result:
        url = path if path.startswith(("http://", "https://")) else f"{self.api.base_url}/{path}"
        try:
            reply = self._send[method](url, {**params, **(proof(self.api, token) if token else {})}, token)
        except GraphError as error:
            return Result(error=error, raw=getattr(error, "raw", b""))
        return read(reply, scope=needed_scope(self.api.flavour, path), secrets=self._secrets(params, token))

    def _secrets(self, params: Mapping[str, str], token: SecretStr | None) -> list[str]:
        """Every value that an error message might echo and that must not be seen."""
        hidden = [value for name, value in params.items() if name.endswith(("token", "secret", "code"))]
        own = [token.get_secret_value(), *proof(self.api, token).values()] if token else []
        return [*hidden, self.api.app_secret.get_secret_value(), *own]


def _checked(asks: Sequence[Ask], blocks: Blocks, send: Callable[[list[Ask]], list[Answer]]) -> list[Answer]:
    """Send the asks that may be sent; answer the others here."""
    barred = [_bar(ask, blocks) for ask in asks]
    good = [ask for ask, error in zip(asks, barred, strict=True) if error is None]
    sent = iter(send(good) if good else [])
    return [
        answer_of(ask, Result(error=error)) if error else next(sent) for ask, error in zip(asks, barred, strict=True)
    ]


def _bar(ask: Ask, blocks: Blocks) -> GraphError | None:
    if not is_sendable(ask.token):
        return _no_token()
    return blocks.of(ask)


def _no_token() -> ReconnectError:
    return ReconnectError("the stored text cannot be a token", reason="token_invalid")


def open_clients(settings: Settings) -> dict[Flavour, GraphClient]:
    """A client for each login flavour whose app is set up."""
    return {flavour: GraphClient(settings.graph(flavour)) for flavour in FLAVOURS if settings.has_graph(flavour)}
