"""Requests: from Python's values to the JSON form of ``frazil.v1.ReadChangesRequest``."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any, Mapping, Sequence, TypedDict

Place = str | datetime
"""A place in a table's history: text as the command line takes it, or the time of a commit."""


class RowOptions(TypedDict, total=False):
    """What is read of a table's rows."""

    columns: Sequence[str]
    """Columns by dotted name, in this order. Default: all."""
    filter: str
    """The SQL of a WHERE clause over one row."""
    branch: str
    """Branch that is read. Default: ``main``."""
    batch_rows: int
    """Most rows of a batch. Default: 8192."""
    schema_id: int
    """Id of the schema that rows are shown in. Default: the newest."""


class ChangeOptions(RowOptions, total=False):
    """What is read of a table's changes."""

    mode: str
    """``changelog`` (default), ``append``, ``upsert`` or ``net``."""
    start: Place
    """``earliest``, ``latest``, ``full``, ``snapshot:ID`` (with it), ``after:ID`` (without it), ``timestamp:RFC3339``,
    ``tag:NAME``, ``position:TEXT``, or a time. Default: ``full`` with ``follow``, else ``earliest``."""
    end: Place
    """``latest``, ``snapshot:ID``, ``timestamp:RFC3339``, or a time. Default: ``latest``; with ``follow`` no end."""
    follow: bool
    """Goes on with what is committed later."""
    filter_updates: str
    """Updates of which only one image matches the filter: ``retract`` (default) or ``independent``."""
    drop_kinds: Sequence[str]
    """Kinds of change that are left out: ``insert``, ``update_before``, ``update_after``, ``delete``."""
    key: Sequence[str]
    """Key columns. Default: the identifier fields of the schema, else the columns of equality deletes."""
    readers: int
    """Files that are read at once for each stream. Default: 1."""
    duplicate_keys: str
    """Several changes of one key in one snapshot: ``pair`` (default), ``plain`` or ``error``."""
    replace_check: str
    """How snapshots that claim to change no row are checked: ``metadata`` (default), ``trust`` or ``full``."""
    on_replace_mismatch: str
    """Such snapshots that do change rows: ``emit`` (default), ``fail`` or ``ignore``."""
    on_non_append: str
    """Snapshots that do more than add, with mode ``append``: ``fail`` (default), ``skip`` or ``added_only``."""
    on_key_change: str
    """Another key: ``fail`` (default) or ``continue``."""
    on_expired: str
    """A position whose snapshot has expired: ``fail`` (default), ``diff``, ``rescan`` or ``skip``."""
    on_rollback: str
    """A position that is no longer on the branch: ``fail`` (default), ``compensate`` or ``rescan``."""
    emit_noop_updates: bool
    """Rows that were written again as they were are updates too."""


class ReaderOptions(ChangeOptions, total=False):
    """What is read of a table's changes, and over how many streams."""

    group: str
    """Consumer group whose position is gone on from, where one is kept. Reading does not move it."""
    endpoints: int
    """Streams that the changes are spread over, read at the same time. Default: 1."""
    lanes: int
    """Lanes that rows are routed to. Default: 256."""
    route: str
    """What decides the lane of a row: ``partition``, ``key``, ``file`` or ``single``. Default: by the table."""


_CHOICES = {
    "mode": "MODE",
    "filter_updates": "FILTER_UPDATES",
    "route": "ROUTE",
    "duplicate_keys": "DUPLICATE_KEYS",
    "replace_check": "REPLACE_CHECK",
    "on_replace_mismatch": "ON_REPLACE_MISMATCH",
    "on_non_append": "ON_NON_APPEND",
    "on_key_change": "ON_KEY_CHANGE",
    "on_expired": "ON_EXPIRED",
    "on_rollback": "ON_ROLLBACK",
}
_LISTS = ("columns", "key")
_PLACES = ("start", "end", "at")

ROW_OPTIONS = frozenset(RowOptions.__annotations__)
CHANGE_OPTIONS = ROW_OPTIONS | frozenset(ChangeOptions.__annotations__)
READER_OPTIONS = CHANGE_OPTIONS | frozenset(ReaderOptions.__annotations__)


def read_request(table: str, options: Mapping[str, Any], known: frozenset[str]) -> dict[str, Any]:
    """The JSON form of a request.

    Raises:
        TypeError: an option is not among ``known``, or has the wrong type.
    """
    request: dict[str, Any] = {"table": table}
    for name, value in options.items():
        if name not in known:
            raise TypeError(f"there is no option `{name}`; there are {', '.join(sorted(known))}")
        if value is None:
            continue
        if name in _CHOICES:
            value = choice(_CHOICES[name], value)
        elif name == "drop_kinds":
            value = [choice("CHANGE_TYPE", kind) for kind in _texts(name, value)]
        elif name in _LISTS:
            value = _texts(name, value)
        elif name in _PLACES:
            value = place(value)
        elif name == "schema_id":
            request["schema"] = "SCHEMA_MODE_PINNED"
        request[name] = value
    return request


def place(value: Place) -> str:
    """The text of a place in a table's history."""
    if isinstance(value, datetime):
        return f"timestamp:{value.astimezone(timezone.utc).isoformat()}"
    return value


def milliseconds(value: datetime | int | str) -> int:
    """A time as milliseconds since the epoch. Text is ISO 8601; what says no zone is UTC."""
    if isinstance(value, int):
        return value
    if isinstance(value, str):
        value = datetime.fromisoformat(value.removesuffix("Z") + "+00:00" if value.endswith("Z") else value)
        if value.tzinfo is None:
            value = value.replace(tzinfo=timezone.utc)
    seconds = value - datetime(1970, 1, 1, tzinfo=timezone.utc) if value.tzinfo else None
    if seconds is None:
        raise TypeError("the time has no zone; make it with tzinfo=timezone.utc")
    return (seconds.days * 86_400 + seconds.seconds) * 1_000 + seconds.microseconds // 1_000


def choice(prefix: str, value: str) -> str:
    """The name of a choice in the protocol."""
    name = value.upper().replace("-", "_")
    return name if name.startswith(f"{prefix}_") else f"{prefix}_{name}"


def encoded(message: Mapping[str, Any]) -> bytes:
    """A message as the server takes it."""
    return json.dumps(message).encode()


def _texts(name: str, value: Any) -> list[str]:
    # Text is a sequence too, of letters.
    if isinstance(value, str):
        raise TypeError(f"`{name}` is a list of names")
    return list(value)
