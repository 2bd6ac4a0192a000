"""A consumer: one stream of changes that outlives servers and connections."""

from __future__ import annotations

import logging
import random
import threading
import time
from typing import TYPE_CHECKING, Any, Iterator, Mapping

from ._errors import FrazilError
from ._streams import JOIN_SECONDS, Channel, Flight, Stoppable, stop_at_exit
from ._types import ChangeBatch, change_batch

if TYPE_CHECKING:
    from ._client import Client

_log = logging.getLogger("frazil")

_BACK_OFF_SECONDS = (0.1, 5.0)
"""Before the first attempt, and at most."""

_N_WAITING_MAX = 4
"""Batches that are fetched ahead."""

_TICKET_REASONS = ("TICKET_INVALID", "TICKET_EXPIRED")
"""Servers without a common key do not know each other's tickets, nor those of before they were started anew."""


class Assembly:
    """Hands batches on when they are whole.

    A large batch comes in parts, all but the last with the position before the whole. A part is no place to go on
    from, so parts are kept back until the last is there.
    """

    def __init__(self, position: str | None) -> None:
        # `None`: the stream begins nobody knows where. Its first batch may then be a part, and is kept back.
        self._position = position
        self._parts: list[ChangeBatch] = []

    def add(self, batch: ChangeBatch) -> list[ChangeBatch]:
        """What is whole with this batch."""
        self._parts.append(batch)
        is_known = self._position is not None
        has_moved = batch.position != self._position
        self._position = batch.position
        # Markers and heartbeats never come between parts.
        if batch.num_rows > 0 and not (is_known and has_moved):
            return []
        return self.rest()

    def rest(self) -> list[ChangeBatch]:
        """What is left when the stream ends in order: then it is whole."""
        parts, self._parts = self._parts, []
        return parts


class Consumer(Stoppable):
    """Iterates over the changes of a table, from where its group stands, as :class:`ChangeBatch`.

    It connects anew by itself when a server goes: within one consumer no change is lost, and none comes twice. Whoever
    starts another consumer of the group goes on from the position that was committed last.

    Use it as a context manager, or call :meth:`close`. It may be used by one thread at a time.
    """

    def __init__(
        self,
        client: Client,
        table: str,
        group: str | None,
        request: Mapping[str, Any],
        *,
        markers: bool,
        heartbeats: bool,
        retry_timeout: float,
    ) -> None:
        self._client = client
        self._table = table
        self._group = group
        self._request = dict(request)
        self._markers = markers
        self._heartbeats = heartbeats
        self._retry_timeout = retry_timeout
        self._version: int | None = None
        self._position: str | None = None
        self._committed: str | None = None
        self._is_ended = False
        self._channel: Channel[ChangeBatch] = Channel(_N_WAITING_MAX)
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._flight: Flight | None = None
        # Where the next stream begins: after what was put into the channel.
        self._next: str | None = None
        if group is not None:
            found = client._find_group(table, group)
            self._version = found.version if found else 0
            self._next = self._committed = found.position if found else None
        self._thread = threading.Thread(target=self._run, name="frazil-consumer", daemon=True)
        stop_at_exit(self)
        self._thread.start()

    @property
    def position(self) -> str | None:
        """Position after what was handed out last. ``None`` before the first."""
        return self._position

    @property
    def is_ended(self) -> bool:
        """Nothing more comes: the end was reached, or the consumer was closed."""
        return self._is_ended

    @property
    def group(self) -> str | None:
        """Name of the group, if there is one."""
        return self._group

    def __iter__(self) -> Iterator[ChangeBatch]:
        return self

    def __next__(self) -> ChangeBatch:
        """The next batch; waits for it.

        Raises:
            FrazilError: the stream cannot go on.
        """
        while True:
            try:
                batch = self._channel.take()
            except StopIteration:
                self._is_ended = True
                raise
            if self._hand_out(batch):
                return batch

    def poll(self, timeout: float) -> ChangeBatch | None:
        """The next batch, if it comes within so many seconds; :attr:`is_ended` says whether another may.

        Raises:
            FrazilError: the stream cannot go on.
        """
        deadline = time.monotonic() + timeout
        while True:
            try:
                batch = self._channel.take(max(deadline - time.monotonic(), 0))
            except TimeoutError:
                return None
            except StopIteration:
                self._is_ended = True
                return None
            if self._hand_out(batch):
                return batch

    def commit(self, batch: ChangeBatch | None = None) -> None:
        """Keeps the position of what was handed out last, or of that batch, for the group. Nothing new is no call.

        Raises:
            FrazilError: with code ``ABORTED`` if somebody else has moved the group.
            ValueError: there is no group.
        """
        if self._group is None:
            raise ValueError("the consumer has no group; name one to have positions kept")
        position = self._position if batch is None else batch.position
        if not position or position == self._committed:
            return
        body = {"table": self._table, "group": self._group, "position": position}
        deadline = time.monotonic() + self._retry_timeout
        n_failures = 0
        while True:
            try:
                answer = self._client._action("commit-position", {**body, "expected_version": str(self._version)})
                self._version = int(answer.get("version", 0))
                break
            except FrazilError as error:
                if n_failures and error.code == "ABORTED":
                    # An attempt may have succeeded although its answer was lost.
                    found = self._client._find_group(self._table, self._group)
                    if found is not None and found.position == position:
                        self._version = found.version
                        break
                n_failures += 1
                if not error.may_pass or time.monotonic() > deadline or self._stopped.wait(_pause(n_failures)):
                    raise
        self._committed = position

    def close(self) -> None:
        """Ends the stream. Nothing is committed by that."""
        self.stop()

    def stop(self) -> None:
        self._stopped.set()
        self._channel.close()
        with self._lock:
            current = self._flight
        if current is not None:
            current.stop()
        if self._thread is not threading.current_thread():
            self._thread.join(JOIN_SECONDS)

    def __enter__(self) -> Consumer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _hand_out(self, batch: ChangeBatch) -> bool:
        """Whether the batch is for the caller. One that is not has no rows, so that it is done with at once."""
        # Of a stream that stands where there is no snapshot yet, nothing can be kept.
        self._position = batch.position or self._position
        if batch.num_rows > 0:
            return True
        if batch.marker is None:
            return self._heartbeats
        return self._markers or batch.marker.must_be_handled

    def _run(self) -> None:
        n_failures = 0
        since = time.monotonic()
        while not self._stopped.is_set():
            try:
                for batch in self._stream():
                    n_failures = 0
                    if not self._channel.put(batch):
                        return
                    self._next = batch.position or self._next
                    since = time.monotonic()
                if not self._request.get("follow") or "end" in self._request or self._stopped.is_set():
                    self._channel.end()
                    return
                error = FrazilError("the stream ended, though it follows its table", code="UNAVAILABLE")
            except FrazilError as failure:
                error = failure
            except BaseException as failure:
                self._channel.end(failure)
                return
            n_failures += 1
            may_pass = error.may_pass or error.reason in _TICKET_REASONS
            if not may_pass or time.monotonic() - since > self._retry_timeout:
                self._channel.end(error)
                return
            if n_failures == 1:
                _log.warning("changes of %s: %s; going on from the last position", self._table, error)
            self._stopped.wait(_pause(n_failures))

    def _stream(self) -> Iterator[ChangeBatch]:
        """One stream, until it ends or breaks off."""
        request = dict(self._request)
        if self._next is not None:
            request["start"] = f"position:{self._next}"
        info, header = self._client._flight_info(request)
        assembly = Assembly(self._next or header.get("position"))
        for endpoint in info.endpoints:
            current = Flight(*self._client._client_at(endpoint))
            with self._lock:
                self._flight = current
            if self._stopped.is_set():
                return
            for batch, metadata in current.chunks(endpoint.ticket):
                if batch is None:
                    batch = info.schema.empty_table().to_batches()[0]
                yield from assembly.add(change_batch(batch, metadata))
        if not self._stopped.is_set():
            yield from assembly.rest()


def _pause(n_failures: int) -> float:
    """Seconds before the next attempt: twice as long each time, and not all clients at once."""
    shortest, longest = _BACK_OFF_SECONDS
    return random.uniform(0.5, 1.0) * min(shortest * 2.0 ** min(n_failures - 1, 16), longest)
