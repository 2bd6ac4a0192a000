"""Streams that are read in threads of their own, and can be ended from any other."""

from __future__ import annotations

import atexit
import json
import threading
import weakref
from collections import deque
from typing import Any, Callable, Generic, Iterator, Mapping, TypeVar

import pyarrow as pa
from pyarrow import flight

from ._calls import Calls
from ._errors import FrazilError, error_of

T = TypeVar("T")

JOIN_SECONDS = 5.0
"""A thread that was told to end is waited for so long."""

_open: weakref.WeakSet[Stoppable] = weakref.WeakSet()


class Stoppable:
    """Something with threads."""

    def stop(self) -> None:
        """Ends it. Whoever waits for it goes on."""
        raise NotImplementedError


def stop_at_exit(stream: Stoppable) -> None:
    """Threads within a call of pyarrow must not outlive the interpreter."""
    _open.add(stream)


@atexit.register
def _stop_all() -> None:
    for stream in list(_open):
        stream.stop()


class Channel(Generic[T]):
    """A bounded queue between threads that can be closed from both sides."""

    def __init__(self, n_waiting_max: int) -> None:
        self._items: deque[T] = deque()
        self._n_waiting_max = n_waiting_max
        self._changed = threading.Condition()
        self._is_ended = False
        self._error: BaseException | None = None
        self._is_closed = False

    def put(self, item: T) -> bool:
        """Waits for room. ``False`` if nobody takes it any more."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_closed or len(self._items) < self._n_waiting_max)
            if self._is_closed:
                return False
            self._items.append(item)
            self._changed.notify_all()
            return True

    def end(self, error: BaseException | None = None) -> None:
        """Nothing more comes. Who takes gets what is there first, then the error, if there is one."""
        with self._changed:
            self._is_ended = True
            self._error = self._error or error
            self._changed.notify_all()

    def close(self) -> None:
        """Nothing more is taken."""
        with self._changed:
            self._is_closed = True
            self._items.clear()
            self._changed.notify_all()

    def take(self, timeout: float | None = None) -> T:
        """The next item.

        Raises:
            StopIteration: nothing more comes.
            TimeoutError: nothing came in time.
        """
        with self._changed:
            came = self._changed.wait_for(lambda: self._items or self._is_ended or self._is_closed, timeout)
            if not came:
                raise TimeoutError
            if self._items:
                item = self._items.popleft()
                self._changed.notify_all()
                return item
            if self._error is not None and not self._is_closed:
                raise self._error
            raise StopIteration


class Flight(Stoppable):
    """One stream of a flight, read by one thread and ended by any."""

    def __init__(self, client: flight.FlightClient, calls: Calls) -> None:
        self._client = client
        self._calls = calls
        self._lock = threading.Lock()
        self._reader: flight.FlightStreamReader | None = None
        self._is_stopped = False

    def chunks(self, ticket: flight.Ticket) -> Iterator[tuple[pa.RecordBatch | None, Mapping[str, Any]]]:
        """Batches with their metadata. Ends quietly when it is stopped.

        Raises:
            FrazilError: the stream broke off.
        """
        reader = self._calls.run(lambda: self._client.do_get(ticket))
        call = self._calls.last()
        with self._lock:
            self._reader = reader
            is_stopped = self._is_stopped
        if is_stopped:
            reader.cancel()
        try:
            while True:
                try:
                    chunk = self._calls.run(reader.read_chunk)
                except StopIteration:
                    return
                except FrazilError as error:
                    if self._is_stopped:
                        return
                    # The call began before, maybe in between others.
                    cause = error.__cause__
                    raise error_of(cause or error, call.details if call else None) from cause
                metadata = json.loads(bytes(chunk.app_metadata)) if chunk.app_metadata else {}
                yield chunk.data, metadata
        finally:
            reader.cancel()

    def stop(self) -> None:
        with self._lock:
            self._is_stopped = True
            reader = self._reader
        if reader is not None:
            reader.cancel()


class ParallelRead(Stoppable):
    """All endpoints of a flight, each read by a thread of its own."""

    def __init__(
        self, info: flight.FlightInfo, client_at: Callable[[flight.FlightEndpoint], tuple[flight.FlightClient, Calls]]
    ) -> None:
        n_endpoints = len(info.endpoints)
        # Two for each: one on its way and one to go on with.
        self._channel: Channel[pa.RecordBatch] = Channel(2 * max(n_endpoints, 1))
        self._n_running = n_endpoints
        self._lock = threading.Lock()
        self._flights = []
        self._threads = []
        for index, endpoint in enumerate(info.endpoints):
            one = Flight(*client_at(endpoint))
            self._flights.append(one)
            thread = threading.Thread(
                target=self._run, args=(one, endpoint.ticket), name=f"frazil-read-{index}", daemon=True
            )
            self._threads.append(thread)
        if n_endpoints == 0:
            self._channel.end()
        stop_at_exit(self)
        for thread in self._threads:
            thread.start()

    def _run(self, one: Flight, ticket: flight.Ticket) -> None:
        error: BaseException | None = None
        try:
            for batch, _ in one.chunks(ticket):
                if batch is not None and batch.num_rows > 0 and not self._channel.put(batch):
                    return
        except BaseException as failure:
            error = failure
        with self._lock:
            self._n_running -= 1
            is_last = self._n_running == 0
        if error is not None or is_last:
            self._channel.end(error)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Batches of all endpoints as they come. Ends everything when it is closed or collected."""
        try:
            while True:
                try:
                    batch = self._channel.take()
                except StopIteration:
                    return
                yield batch
        finally:
            self.stop()

    def stop(self) -> None:
        self._channel.close()
        for one in self._flights:
            one.stop()
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(JOIN_SECONDS)
