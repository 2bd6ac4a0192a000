"""The client: a connection to a server, and what it can be asked."""

from __future__ import annotations

import json
import threading
import time
import weakref
from datetime import datetime
from typing import TYPE_CHECKING, Any, Mapping, Sequence

import pyarrow as pa
from pyarrow import flight

from ._calls import Calls, Token
from ._consumer import Consumer
from ._errors import FrazilError, FrazilTimeout
from ._request import (
    CHANGE_OPTIONS,
    READER_OPTIONS,
    ROW_OPTIONS,
    ChangeOptions,
    Place,
    ReaderOptions,
    RowOptions,
    encoded,
    milliseconds,
    place,
    read_request,
)
from ._streams import ParallelRead, Stoppable
from ._types import Group, Watermark, group, watermark

if TYPE_CHECKING:
    from typing_extensions import Unpack

DEFAULT_URI = "grpc://127.0.0.1:7447"
"""Where a server listens that was not told otherwise."""

_GRPC_OPTIONS: dict[str, str | int] = {
    # A server that has gone without a word is noticed.
    "grpc.keepalive_time_ms": 30_000,
    "grpc.keepalive_timeout_ms": 20_000,
    "grpc.http2.max_pings_without_data": 0,
    # gRPC would wait for up to two minutes before it connects anew.
    "grpc.initial_reconnect_backoff_ms": 100,
    # This is how long an attempt may take: a busy machine needs more than the pause between two.
    "grpc.min_reconnect_backoff_ms": 5_000,
    "grpc.max_reconnect_backoff_ms": 2_000,
}


class Client:
    """A connection to a frazil server. Threads may share it.

    Args:
        uri: ``grpc://HOST:PORT``, or ``grpc+tls://HOST:PORT``.
        token: bearer token, or a function that gives one for each call.
        tls_root_certs: certificates, as PEM, that the server's is checked against; text, bytes or nothing for those of
            the system.
        cert_chain: the client's own certificate, as PEM, for servers that ask for one.
        private_key: its key.
        override_hostname: name that the server's certificate has, where it is reached by another.
        options: gRPC channel arguments, over this client's own.
        timeout: seconds that a call may take; streams may take longer.
    """

    def __init__(
        self,
        uri: str = DEFAULT_URI,
        token: Token = None,
        tls_root_certs: bytes | str | None = None,
        *,
        cert_chain: bytes | str | None = None,
        private_key: bytes | str | None = None,
        override_hostname: str | None = None,
        options: Mapping[str, str | int] | None = None,
        timeout: float | None = None,
    ) -> None:
        self._token = token
        self._timeout = timeout
        self._settings: dict[str, Any] = {
            "generic_options": list({**_GRPC_OPTIONS, **(options or {})}.items()),
        }
        given = {
            "tls_root_certs": tls_root_certs,
            "cert_chain": cert_chain,
            "private_key": private_key,
            "override_hostname": override_hostname,
        }
        self._settings |= {name: value for name, value in given.items() if value is not None}
        self._lock = threading.Lock()
        self._streams: weakref.WeakSet[Stoppable] = weakref.WeakSet()
        self._reads: weakref.WeakKeyDictionary[pa.RecordBatchReader, ParallelRead] = weakref.WeakKeyDictionary()
        self._others: dict[bytes, tuple[flight.FlightClient, Calls]] = {}
        self.uri = uri
        self._client, self._calls = self._connect(uri)

    def __repr__(self) -> str:
        return f"frazil.Client({self.uri!r})"

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends all streams that were begun with this client, and the connection."""
        for stream in list(self._streams):
            stream.stop()
        with self._lock:
            others, self._others = list(self._others.values()), {}
        for client, _ in [*others, (self._client, self._calls)]:
            client.close()

    # Changes and rows.

    def read_changes(self, table: str, **options: Unpack[ReaderOptions]) -> pa.RecordBatchReader:
        """Changes of a table, from all endpoints at the same time.

        Rows of one endpoint come in their order; there is no order between endpoints. The flight is ended when the
        reader is collected, by :meth:`cancel`, and by :meth:`close`. See :class:`ReaderOptions` for the options.

        Raises:
            FrazilError: here for what is wrong with the request; from the reader if the stream breaks off.
        """
        return self._read(read_request(table, options, READER_OPTIONS))

    def read_table(self, table: str, at: Place | None = None, **options: Unpack[RowOptions]) -> pa.RecordBatchReader:
        """Rows of a table at one snapshot.

        Args:
            table: the table.
            at: ``latest`` (default), ``snapshot:ID``, ``timestamp:RFC3339``, ``tag:NAME``, or a time.
            options: see :class:`RowOptions`.

        Raises:
            FrazilError: as :meth:`read_changes`.
        """
        request = read_request(table, options, ROW_OPTIONS)
        request["mode"] = "MODE_ROWS"
        if at is not None:
            request["at"] = place(at)
        return self._read(request)

    def cancel(self, reader: pa.RecordBatchReader) -> None:
        """Ends the flight of a reader at once: pyarrow tells nobody when ``reader.close()`` is called."""
        read = self._reads.get(reader)
        if read is not None:
            read.stop()

    def consumer(
        self,
        table: str,
        group: str | None = None,
        *,
        markers: bool = False,
        heartbeats: bool = False,
        retry_timeout: float = 600.0,
        **options: Unpack[ChangeOptions],
    ) -> Consumer:
        """Follows the changes of a table, for a group if one is named, from where that stands.

        Args:
            table: the table.
            group: name of the consumer group. It is made by the first commit.
            markers: also hands out what happens between rows (:class:`Marker`). What voids or takes back what was
                delivered is always handed out.
            heartbeats: also hands out batches that say that nothing has happened.
            retry_timeout: seconds for which the server may be away, in a row.
            options: see :class:`ChangeOptions`. ``follow`` is set unless it is given; ``start`` counts where the group
                has no position yet.

        Raises:
            FrazilError: the group cannot be read.
        """
        request = read_request(table, {"follow": True, **options}, CHANGE_OPTIONS)
        consumer = Consumer(
            self, table, group, request, markers=markers, heartbeats=heartbeats, retry_timeout=retry_timeout
        )
        self._streams.add(consumer)
        return consumer

    def schema(self, table: str, **options: Unpack[ReaderOptions]) -> pa.Schema:
        """Schema of the changes that :meth:`read_changes` would give.

        Raises:
            FrazilError: as :meth:`read_changes`.
        """
        return self._flight_info(read_request(table, options, READER_OPTIONS))[0].schema

    # Tables.

    def tables(self, catalog: str | None = None) -> list[str]:
        """Names of the tables that the server can see.

        Raises:
            FrazilError: the server cannot say.
        """
        answer = self._action("list-tables", {"catalog": catalog} if catalog else {})
        return list(answer.get("tables", ()))

    def watermark(
        self,
        table: str,
        *,
        reach: datetime | int | str | None = None,
        names: Sequence[str] = (),
        branch: str | None = None,
    ) -> Watermark:
        """Up to which event time a table is complete, by what its writers say.

        Args:
            table: the table.
            reach: time that is asked for; ``Watermark.reached`` answers. A time with zone, ISO 8601, or milliseconds.
            names: writers that count: a writer's name, ``property:KEY`` or ``column:NAME``. Default: all.
            branch: default ``main``.

        Raises:
            FrazilError: with reason ``WATERMARK_UNKNOWN`` if they say nothing.
        """
        return watermark(self._action("watermark", _of_watermark(table, reach, names, branch)))

    def wait_watermark(
        self,
        table: str,
        until: datetime | int | str,
        timeout: float | None = None,
        *,
        names: Sequence[str] = (),
        branch: str | None = None,
    ) -> Watermark:
        """Waits until a table is complete up to a time, also when the server goes meanwhile.

        Args:
            table: the table.
            until: a time with zone, ISO 8601, or milliseconds since the epoch.
            timeout: seconds. Default: for ever.
            names: as for :meth:`watermark`.
            branch: default ``main``.

        Raises:
            FrazilTimeout: it was not reached in time.
            FrazilError: as :meth:`watermark`.
        """
        body = _of_watermark(table, until, names, branch)
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                message = f"the watermark of {table} has not reached {until} within {timeout} seconds"
                raise FrazilTimeout(message, code="DEADLINE_EXCEEDED", advice="RETRY_LATER")
            try:
                for answer in self._actions("wait-watermark", body, left):
                    found = watermark(answer)
                    if found.reached:
                        return found
            except FrazilError as error:
                if not error.may_pass:
                    raise
            # Whoever answers early or not at all is not asked in a loop.
            time.sleep(min(0.2, left) if left is not None else 0.2)

    # Consumer groups.

    def groups(self, table: str | None = None) -> list[Group]:
        """Consumer groups, of one table or of all.

        Raises:
            FrazilError: they cannot be read.
        """
        answer = self._action("list-groups", {"table": table} if table else {})
        return [group(one) for one in answer.get("groups", ())]

    def describe_group(self, table: str, name: str) -> Group:
        """Where a group stands, and how far behind its table.

        Raises:
            FrazilError: with reason ``GROUP_NOT_FOUND`` if it is not there.
        """
        answer = self._action("describe-group", {"table": table, "group": name})
        return group(answer.get("group", {}), answer.get("lag"))

    def commit_position(self, table: str, name: str, position: str, expected_version: int | None = None) -> int:
        """Keeps a position for a group, and gives the group's version.

        Args:
            table: the table.
            name: the group, which is made if it is not there.
            position: of the last batch that was handled.
            expected_version: fails if the group has another version; 0 is a group that is not there.

        Raises:
            FrazilError: with code ``ABORTED`` if the group has another version.
        """
        body = {"table": table, "group": name, "position": position}
        if expected_version is not None:
            body["expected_version"] = str(expected_version)
        return int(self._action("commit-position", body).get("version", 0))

    def reset_group(self, table: str, name: str, start: Place, *, dry_run: bool = False) -> Group:
        """Moves a group to another place of its table; with ``dry_run`` it only says what would become of it.

        Raises:
            FrazilError: with code ``UNIMPLEMENTED`` from servers that only have the gRPC call for it.
        """
        body = {"table": table, "group": name, "start": place(start), "dry_run": dry_run}
        return group(self._action("reset-group", body).get("group", {}))

    def delete_group(self, table: str, name: str) -> None:
        """Forgets a group.

        Raises:
            FrazilError: with reason ``GROUP_NOT_FOUND`` if it is not there.
        """
        self._action("delete-group", {"table": table, "group": name})

    # Compaction.

    def compact(
        self, table: str, options: Mapping[str, Any] | None = None, *, wait: bool = True
    ) -> dict[str, Any]:
        """Has a table compacted, and gives the run as ``frazil.v1.CompactionRun`` in JSON.

        Args:
            table: the table.
            options: compaction options by name, as ``frazil compact --option`` takes them.
            wait: until the run has ended.

        Raises:
            FrazilError: with code ``ALREADY_EXISTS`` if a run of the table is under way, ``UNIMPLEMENTED`` from
                servers that do not compact.
        """
        body = {"table": table, "options": {name: _text(value) for name, value in (options or {}).items()}}
        return dict(self._action("compact", {**body, "wait": wait}, is_long=True).get("run", {}))

    def actions(self) -> dict[str, str]:
        """Names of the actions that the server has, and what they do.

        Raises:
            FrazilError: the server does not answer.
        """
        return self._calls.run(
            lambda: {action.type: action.description for action in self._client.list_actions(self._call_options())}
        )

    # What the other modules use.

    def _flight_info(self, request: Mapping[str, Any]) -> tuple[flight.FlightInfo, dict[str, Any]]:
        descriptor = flight.FlightDescriptor.for_command(encoded(request))
        info = self._calls.run(lambda: self._client.get_flight_info(descriptor, self._call_options()))
        metadata = getattr(info, "app_metadata", b"")
        return info, json.loads(bytes(metadata)) if metadata else {}

    def _client_at(self, endpoint: flight.FlightEndpoint) -> tuple[flight.FlightClient, Calls]:
        """Who serves an endpoint: this connection, unless the server names others."""
        locations = [location.uri for location in endpoint.locations]
        if not locations or any(uri.startswith(b"arrow-flight-reuse-connection") for uri in locations):
            return self._client, self._calls
        with self._lock:
            if locations[0] not in self._others:
                self._others[locations[0]] = self._connect(locations[0].decode())
            return self._others[locations[0]]

    def _find_group(self, table: str, name: str) -> Group | None:
        try:
            return self.describe_group(table, name)
        except FrazilError as error:
            if error.reason == "GROUP_NOT_FOUND":
                return None
            raise

    def _action(self, name: str, body: Mapping[str, Any], *, is_long: bool = False) -> dict[str, Any]:
        answers = self._actions(name, body, None if is_long else self._timeout)
        return answers[0] if answers else {}

    def _actions(self, name: str, body: Mapping[str, Any], timeout: float | None) -> list[dict[str, Any]]:
        action = flight.Action(name, encoded(body))
        options = flight.FlightCallOptions(timeout=timeout)
        try:
            return self._calls.run(
                lambda: [json.loads(result.body.to_pybytes()) for result in self._client.do_action(action, options)]
            )
        except FrazilError as error:
            if error.code == "INVALID_ARGUMENT" and f"`{name}` is no action" in str(error):
                raise FrazilError(str(error), code="UNIMPLEMENTED", reason="UNSUPPORTED", advice=error.advice) from error
            raise

    # Of its own.

    def _read(self, request: Mapping[str, Any]) -> pa.RecordBatchReader:
        info, _ = self._flight_info(request)
        read = ParallelRead(info, self._client_at)
        self._streams.add(read)
        reader = pa.RecordBatchReader.from_batches(info.schema, read.batches())
        # A reader that is never read from has no generator that runs, so that only this ends its threads.
        weakref.finalize(reader, read.stop)
        self._reads[reader] = read
        return reader

    def _connect(self, uri: str) -> tuple[flight.FlightClient, Calls]:
        calls = Calls(self._token)
        client = calls.run(lambda: flight.FlightClient(uri, middleware=[calls], **self._settings))
        return client, calls

    def _call_options(self) -> flight.FlightCallOptions:
        return flight.FlightCallOptions(timeout=self._timeout)


def _of_watermark(
    table: str, reach: datetime | int | str | None, names: Sequence[str], branch: str | None
) -> dict[str, Any]:
    body: dict[str, Any] = {"table": table}
    if reach is not None:
        body["reach_ms"] = str(milliseconds(reach))
    if names:
        body["names"] = list(names)
    if branch:
        body["branch"] = branch
    return body


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
