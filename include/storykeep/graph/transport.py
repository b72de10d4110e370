"""One HTTP request: bounded in time and size, with no secret in any URL that can be helped or any error."""

import time
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

import requests
import urllib3
from pydantic import SecretStr
from requests.adapters import HTTPAdapter

from storykeep.graph.auth import Bearer
from storykeep.graph.breaker import Breaker
from storykeep.graph.errors import GraphError, RequestError, UnreachableError, UnreadableError
from storykeep.graph.redact import hide_queries
from storykeep.graph.replies import Reply

CONNECT_SECONDS = 3.05  # just over TCP's first retransmission
READ_SECONDS = 20.0  # between two pieces of a reply; a batch of 50 takes seconds
WHOLE_SECONDS = 40.0  # for a reply that drips in, headers and all
MAX_BYTES = 20 * 1024 * 1024
KEPT_BYTES = 64 * 1024  # of a body that is too long
_PIECE = 64 * 1024

_SILENCE = (requests.Timeout, requests.ConnectionError, urllib3.exceptions.TimeoutError)
_BROKEN = (requests.RequestException, urllib3.exceptions.HTTPError, OSError)


def pooled_session(concurrency: int) -> requests.Session:
    """A session that keeps as many connections open as there are threads."""
    session = requests.Session()
    session.mount("http://", HTTPAdapter(pool_maxsize=concurrency))
    session.mount("https://", HTTPAdapter(pool_maxsize=concurrency))
    return session


class Transport:
    """Sends requests. Safe to use from several threads."""

    def __init__(self, session: requests.Session, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        hide_queries()
        self._session = session
        self._monotonic = monotonic
        self._breaker = Breaker(monotonic)

    def get(self, url: str, params: Mapping[str, str], token: SecretStr | None) -> Reply:
        """Send a GET. Raises UnreachableError, UnreadableError (too long, garbled) or RequestError."""
        return self._send("GET", url, params=params, token=token)

    def post(
        self, url: str, form: Mapping[str, str], token: SecretStr | None = None, *, seconds: float | None = None
    ) -> Reply:
        """Send a form, and wait `seconds`, or READ_SECONDS, for each piece of the reply. Raises as `get`."""
        return self._send("POST", url, form=form, token=token, seconds=seconds)

    def delete(self, url: str, params: Mapping[str, str], token: SecretStr | None) -> Reply:
        """Send a DELETE. Raises as `get`."""
        return self._send("DELETE", url, params=params, token=token)

    def _send(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
        token: SecretStr | None = None,
        seconds: float | None = None,
    ) -> Reply:
        self._breaker.check()
        failure: GraphError
        deadline = self._monotonic() + WHOLE_SECONDS
        try:
            with self._session.request(
                method,
                url,
                params=params,
                data=form,
                auth=Bearer(token),
                timeout=(CONNECT_SECONDS, seconds or READ_SECONDS),
                allow_redirects=False,  # the API has none; a redirect would carry the form, tokens and all, elsewhere
                stream=True,
            ) as response:
                reply = self._reply(response, deadline)
                self._breaker.replied()
                return reply
        except _BROKEN as error:
            failure = self._failure(error, urlsplit(url).netloc)
        # Raised outside the handler: the original's text quotes the URL, and must not hang on as its context.
        raise failure

    def _reply(self, response: requests.Response, deadline: float) -> Reply:
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Reply(response.status_code, headers, self._read(response, deadline))

    def _read(self, response: requests.Response, deadline: float) -> bytes:
        """The body, piece by piece as it arrives, so that neither a flood nor a drip outlasts its bounds."""
        body = bytearray()
        while piece := response.raw.read1(_PIECE, decode_content=True):
            body += piece
            if len(body) > MAX_BYTES:
                raise UnreadableError(
                    f"HTTP {response.status_code} with more than {MAX_BYTES} bytes",
                    raw=bytes(body[:KEPT_BYTES]),
                    status=response.status_code,
                )
            if self._monotonic() > deadline:
                self._breaker.silent()
                raise UnreachableError(f"the reply took more than {WHOLE_SECONDS:.0f} s")
        return bytes(body)

    def _failure(self, error: Exception, host: str) -> GraphError:
        """Our error for the library's, told by its kind alone."""
        name = type(error).__name__
        if isinstance(error, _SILENCE):
            if not _was_cut(error):
                self._breaker.silent()
            return UnreachableError(f"no reply from {host} ({name})")
        if isinstance(error, urllib3.exceptions.DecodeError):
            return UnreadableError(f"garbled compression in a reply of {host}", raw=b"")
        if _is_of_the_request(error):
            return RequestError(f"the request to {host} cannot be sent ({name})")
        return UnreachableError(f"the connection to {host} broke off ({name})")


def _is_of_the_request(error: Exception) -> bool:
    """Whether the library refused to send it. A reply's headers that contradict each other bear the same name."""
    of_the_reply = any(isinstance(cause, urllib3.exceptions.HTTPError) for cause in error.args)
    return isinstance(error, requests.RequestException) and isinstance(error, ValueError) and not of_the_reply


def _was_cut(error: Exception) -> bool:
    """Whether the connection stood and was dropped: somebody is there, so it is not silence."""
    return any(isinstance(cause, urllib3.exceptions.ProtocolError) for cause in error.args)
