"""What the server answers, as Python's values."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any, Mapping

import pyarrow as pa

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def time_of(ms: int | None) -> datetime | None:
    """A time from milliseconds since the epoch. ``None`` where ``datetime`` does not reach."""
    if ms is None:
        return None
    try:
        return _EPOCH + timedelta(milliseconds=ms)
    except OverflowError:
        return None


def _integer(message: Mapping[str, Any], name: str) -> int | None:
    # 64-bit integers are text in JSON.
    return int(message[name]) if name in message else None


@dataclass(frozen=True)
class Marker:
    """What happened between rows."""

    kind: str
    """``snapshot_end``, ``schema_change``, ``key_change``, ``truncate``, ``gap`` or ``rollback``."""
    details: Mapping[str, Any] = field(default_factory=dict)
    """The fields of the message of that name in ``frazil.v1``, where they are not the defaults."""

    @property
    def must_be_handled(self) -> bool:
        """Whoever overlooks it is wrong about the table from then on."""
        return self.kind not in ("snapshot_end", "schema_change", "key_change")


@dataclass(frozen=True)
class ChangeBatch:
    """Some changes, and where the stream stands after them. Without rows it brings a marker or is a heartbeat."""

    batch: pa.RecordBatch
    """The changes, each with ``_change_type``, ``_change_ordinal``, ``_commit_snapshot_id``, ``_commit_timestamp``."""
    position: str
    """Reading that starts with ``position:`` and this text goes on with the very next row. Empty while the table has
    no snapshot."""
    snapshot_id: int | None = None
    """Snapshot that the rows or the marker belong to."""
    snapshot_watermark_ms: int | None = None
    """All commits up to this time have been delivered, milliseconds since the epoch."""
    table_watermark_ms: int | None = None
    """The table is complete up to this event time, milliseconds since the epoch. With ``snapshot_end`` only."""
    marker: Marker | None = None
    """What happened between rows."""
    last_checked_ms: int | None = None
    """In heartbeats: when the server looked at the table last, milliseconds since the epoch."""

    @property
    def num_rows(self) -> int:
        """How many changes there are."""
        return self.batch.num_rows

    @property
    def is_heartbeat(self) -> bool:
        """It says only that nothing has happened."""
        return self.batch.num_rows == 0 and self.marker is None

    @property
    def snapshot_watermark(self) -> datetime | None:
        """All commits up to this time have been delivered."""
        return time_of(self.snapshot_watermark_ms)

    @property
    def table_watermark(self) -> datetime | None:
        """The table is complete up to this event time. ``None`` if unknown, or before or after all times."""
        return time_of(self.table_watermark_ms)


def change_batch(batch: pa.RecordBatch, metadata: Mapping[str, Any]) -> ChangeBatch:
    """From a batch and ``frazil.v1.StreamMetadata``."""
    marker = None
    for kind, details in metadata.get("marker", {}).items():
        marker = Marker(kind, details)
    return ChangeBatch(
        batch,
        metadata.get("position", ""),
        _integer(metadata, "snapshot_id"),
        _integer(metadata, "snapshot_watermark_ms"),
        _integer(metadata, "table_watermark_ms"),
        marker,
        _integer(metadata, "last_checked_ms"),
    )


@dataclass(frozen=True)
class WriterWatermark:
    """Watermark of one writer."""

    name: str
    watermark_ms: int
    """Milliseconds since the epoch."""
    key: str
    """Key of the snapshot summary or table property, or name of the column."""
    snapshot_id: int | None
    """Snapshot that says so. ``None`` for a table property."""
    is_idle: bool
    """It is marked idle, and does not count."""


@dataclass(frozen=True)
class Watermark:
    """Up to which event time a table is complete, by what its writers say."""

    watermark_ms: int
    """Milliseconds since the epoch. The lowest 64-bit integer says that there was no event yet, the highest that none
    will come any more."""
    reached: bool
    """The time that was asked for is reached."""
    writers: tuple[WriterWatermark, ...]
    warnings: tuple[str, ...]
    """What is doubtful about it."""

    @property
    def time(self) -> datetime | None:
        """The time. ``None`` before the first event and after the last."""
        return time_of(self.watermark_ms)


def watermark(message: Mapping[str, Any]) -> Watermark:
    """From ``frazil.v1.GetWatermarkResponse``."""
    writers = (
        WriterWatermark(
            writer.get("name", ""),
            int(writer.get("watermark_ms", 0)),
            writer.get("key", ""),
            _integer(writer, "snapshot_id"),
            writer.get("is_idle", False),
        )
        for writer in message.get("writers", ())
    )
    return Watermark(
        int(message.get("watermark_ms", 0)),
        message.get("reached", False),
        tuple(writers),
        tuple(message.get("warnings", ())),
    )


@dataclass(frozen=True)
class Lag:
    """How far a position is behind the head of its branch, by what snapshots say of themselves."""

    snapshots: int
    rows: int
    bytes: int
    time_ms: int


@dataclass(frozen=True)
class Group:
    """A consumer group of one table: a position that is kept under a name."""

    name: str
    table: str
    """The table, as it was named when the group was made."""
    table_uuid: str
    position: str
    """What it goes on from."""
    version: int
    """Counts up with every change of the group, from 1."""
    updated_at_ms: int
    owner: str
    """Who changed it last."""
    is_dead: bool
    """It has not been changed for longer than it may live."""
    branch: str
    snapshot_id: int | None
    """Snapshot that was delivered last in whole."""
    snapshot_watermark_ms: int | None
    """All commits up to this time have been delivered."""
    lag: Lag | None = None
    """How far it is behind: where it was asked for, and its position is still on the branch."""

    @property
    def updated_at(self) -> datetime | None:
        """When it was changed last."""
        return time_of(self.updated_at_ms)


def group(message: Mapping[str, Any], behind: Mapping[str, Any] | None = None) -> Group:
    """From ``frazil.v1.Group`` and ``frazil.v1.Lag``."""
    lag = None
    if behind is not None:
        lag = Lag(*(int(behind.get(name, 0)) for name in ("snapshots", "rows", "bytes", "time_ms")))
    return Group(
        message.get("name", ""),
        message.get("table", ""),
        message.get("table_uuid", ""),
        message.get("position", ""),
        int(message.get("version", 0)),
        int(message.get("updated_at_ms", 0)),
        message.get("owner", ""),
        message.get("is_dead", False),
        message.get("branch", ""),
        _integer(message, "snapshot_id"),
        _integer(message, "snapshot_watermark_ms"),
        lag,
    )
