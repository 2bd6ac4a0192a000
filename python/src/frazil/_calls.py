"""Calls to the server: tokens go with them, and errors come back with their causes."""

from __future__ import annotations

import threading
from typing import Any, Callable, TypeVar

from pyarrow import flight

from ._errors import FAILURES, error_of

T = TypeVar("T")

Token = str | Callable[[], str] | None
"""A bearer token, or what gives one for each call."""

_DETAILS = "grpc-status-details-bin"


class Call(flight.ClientMiddleware):
    """One call. pyarrow tells the causes of most errors only here."""

    def __init__(self, token: Token) -> None:
        super().__init__()
        self._token = token
        self.details: bytes | None = None

    def sending_headers(self) -> dict[str, str]:
        token = self._token() if callable(self._token) else self._token
        return {"authorization": f"Bearer {token}"} if token else {}

    def received_headers(self, headers: dict[str, list[Any]]) -> None:
        for value in headers.get(_DETAILS, ()):
            self.details = value if isinstance(value, bytes) else str(value).encode("latin-1")


class Calls(flight.ClientMiddlewareFactory):
    """Makes a :class:`Call` for each call, and knows the last of each thread."""

    def __init__(self, token: Token) -> None:
        super().__init__()
        self._token = token
        self._local = threading.local()

    def start_call(self, info: Any) -> Call:
        call = Call(self._token)
        self._local.last = call
        return call

    def last(self) -> Call | None:
        """The call that this thread began last."""
        return getattr(self._local, "last", None)

    def run(self, action: Callable[[], T]) -> T:
        """Does something that calls, and tells what went wrong.

        Raises:
            FrazilError: whatever it is.
        """
        self._local.last = None
        try:
            return action()
        except FAILURES as error:
            call = self.last()
            raise error_of(error, call.details if call else None) from error
