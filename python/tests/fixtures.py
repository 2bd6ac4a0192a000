"""Tables that Flink wrote, with the rows and changes that Flink and Iceberg's Java reader see in them."""

from __future__ import annotations

import json
import math
import os
import shutil
import sqlite3
from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Iterable

import pyarrow as pa

FOLDER = Path(os.environ["FRAZIL_FIXTURES"]).resolve()
"""Where the archive was unpacked."""
FLINK = FOLDER / "flink"
CATALOG = FLINK / "catalog.db"
PATH_MAP = f"/tmp/iceberg-fixtures={FOLDER}"
"""Every path stored in the tables begins so."""

CHANGE_COLUMNS = ("_change_type", "_change_ordinal", "_commit_snapshot_id", "_commit_timestamp")

Rows = Counter[str]
"""Rows as text, with how often each is there."""


@dataclass(frozen=True)
class FlinkTable:
    """One table, and what is expected of it."""

    folder: Path

    @property
    def name(self) -> str:
        return f"fx.{self.folder.name}"

    def snapshots(self) -> list[int]:
        """Ids of its snapshots, oldest first."""
        return [_snapshot(path) for path in sorted((self.folder / "expected").iterdir())]

    def rows(self, snapshot_id: int, kind: str = "expected") -> Rows:
        """Its rows at a snapshot, in the schema of the snapshot or the current one."""
        return Counter(text(json.loads(line)) for line in self._lines(kind, snapshot_id))

    def rows_in_current_schema(self, snapshot_id: int) -> Rows:
        has = (self.folder / "expected-current-schema").is_dir()
        return self.rows(snapshot_id, "expected-current-schema" if has else "expected")

    def changes(self, snapshot_id: int) -> tuple[Rows, Rows]:
        """Rows that the snapshot removed and added, as Flink's generator compared them."""
        removed, added = Counter(), Counter()
        for line in self._lines("expected-changes", snapshot_id):
            change = json.loads(line)
            (added if change["op"] == "+" else removed)[text(change["row"])] += 1
        return removed, added

    def metadata_files(self) -> list[str]:
        """Names of its metadata files, oldest first."""
        return sorted(path.name for path in (self.folder / "metadata").glob("*.metadata.json"))

    def metadata(self) -> dict[str, Any]:
        return json.loads((self.folder / "metadata" / self.metadata_files()[-1]).read_text())

    def _lines(self, kind: str, snapshot_id: int) -> list[str]:
        (path,) = (self.folder / kind).glob(f"*-{snapshot_id}.jsonl")
        return path.read_text().splitlines()


def tables() -> list[FlinkTable]:
    """Those of the catalog."""
    return [FlinkTable(path) for path in sorted((FLINK / "fx").iterdir())]


def table(name: str) -> FlinkTable:
    return FlinkTable(FLINK / "fx" / name)


class GrowingTable:
    """A table in a catalog of its own whose commits are yet to come: each is what Flink wrote, put into the catalog
    as Flink did."""

    def __init__(self, of: FlinkTable, folder: Path, n_commits: int) -> None:
        self.table = of
        self.catalog = folder / "catalog.db"
        shutil.copy(CATALOG, self.catalog)
        self._files = of.metadata_files()
        self._commit(n_commits)

    def commit(self) -> None:
        """One more."""
        self._commit(self.n_commits + 1)

    def _commit(self, n_commits: int) -> None:
        self.n_commits = n_commits
        with sqlite3.connect(self.catalog, timeout=10) as connection:
            (old,) = connection.execute(
                "SELECT metadata_location FROM iceberg_tables WHERE table_name = ?", (self.table.folder.name,)
            ).fetchone()
            new = old.rpartition("/")[0] + "/" + self._files[n_commits]
            connection.execute(
                "UPDATE iceberg_tables SET metadata_location = ?, previous_metadata_location = ? WHERE table_name = ?",
                (new, old, self.table.folder.name),
            )
        connection.close()


def text(row: dict[str, Any]) -> str:
    """One text for each row, whatever the order of its columns."""
    return json.dumps(row, sort_keys=True)


def rows_of(batches: Iterable[pa.RecordBatch]) -> Rows:
    """Rows of batches, without what says how they changed, in the form of the expected files."""
    return Counter(text(row) for batch in batches for _, row in changes_of(batch))


def changes_of(batch: pa.RecordBatch) -> list[tuple[str, dict[str, Any]]]:
    """Rows of a batch, each with its kind of change."""
    changes = []
    for row in batch.to_pylist():
        kind = row.get("_change_type", "")
        changes.append((kind, {name: _value(value) for name, value in row.items() if name not in CHANGE_COLUMNS}))
    return changes


def fold(rows: Rows, batch: pa.RecordBatch) -> tuple[Rows, Rows]:
    """Applies changes to rows, and gives what was removed and added."""
    removed, added = Counter(), Counter()
    for kind, row in changes_of(batch):
        is_added = kind in ("INSERT", "UPDATE_AFTER")
        (added if is_added else removed)[text(row)] += 1
    rows.update(added)
    rows.subtract(removed)
    for row in [row for row, count in rows.items() if count == 0]:
        del rows[row]
    return removed, added


def _value(value: Any) -> Any:
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime):
        shown = value.replace(tzinfo=None).isoformat(timespec="microseconds")
        return shown + "Z" if value.tzinfo else shown
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
    return value


def _snapshot(path: Path) -> int:
    return int(path.stem.partition("-")[2])
