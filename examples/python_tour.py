#!/usr/bin/env python3
"""A tour of the Python client, section by section.

    frazil serve ./warehouse &
    pip install ./python
    python examples/python_tour.py [TABLE]

`FRAZIL_SERVER` names another server than grpc://127.0.0.1:7447. Polars, DuckDB and pandas are shown where they are
installed. Nothing is changed but a consumer group named `tour`, which is deleted at the end.
"""

import importlib.util
import sys

import frazil


def section(title: str) -> None:
    print(f"\n--- {title}")


def is_installed(name: str) -> bool:
    if importlib.util.find_spec(name) is not None:
        return True
    print(f"({name} is not installed)")
    return False


client = frazil.default_client()

section("What tables are there?")
tables = client.tables()
print("\n".join(tables))
table = sys.argv[1] if len(sys.argv) > 1 else tables[0]

section(f"The rows of {table}")
rows = client.read_table(table).read_all()
print(rows.schema.to_string(show_field_metadata=False))
print(f"{rows.num_rows} rows")

section("Its changes, with the row before and after each update")
# A RecordBatchReader: batches come as they are asked for, and the table may be larger than memory.
reader = client.read_changes(table)
kinds: dict[str, int] = {}
for batch in reader:
    for count in batch.column("_change_type").value_counts().to_pylist():
        kinds[count["values"]] = kinds.get(count["values"], 0) + count["counts"]
print(kinds)

section("pandas")
if is_installed("pandas"):
    frame = client.read_changes(table).read_pandas()
    print(frame.groupby("_commit_snapshot_id", sort=False).size())

section("Polars")
if is_installed("polars"):
    import polars

    changes = polars.from_arrow(client.read_changes(table).read_all())
    print(changes.group_by("_change_type").len().sort("_change_type"))

section("DuckDB")
if is_installed("duckdb"):
    import duckdb

    # DuckDB finds the reader by its name, and reads it as a stream.
    changes = client.read_changes(table)
    print(duckdb.sql("SELECT _change_type, count(*) AS n FROM changes GROUP BY ALL ORDER BY ALL").fetchall())

section("A consumer: it goes on where its group stands")
with client.consumer(table, "tour", start="earliest", follow=False, batch_rows=10) as consumer:
    batch = next(consumer, None)
    if batch is not None:
        print(f"{batch.num_rows} changes of snapshot {batch.snapshot_id}, and committed")
        consumer.commit()
if batch is not None:
    print(client.describe_group(table, "tour").lag)
with client.consumer(table, "tour", start="earliest", follow=False, markers=True) as consumer:
    for batch in consumer:
        if batch.marker is not None and batch.marker.kind == "snapshot_end":
            print(f"snapshot {batch.snapshot_id} is complete: all commits until {batch.snapshot_watermark} are here")
    consumer.commit()
if any(group.name == "tour" for group in client.groups(table)):
    print(client.describe_group(table, "tour").lag)
    client.delete_group(table, "tour")

section("Watermarks: may a job start?")
try:
    print(client.watermark(table).time)
except frazil.FrazilError as error:
    # Every error has a code, a reason and an advice for programs.
    print(f"{error.code} {error.reason} {error.advice}: {error}")

section("Errors say what would be right")
try:
    client.read_changes(table, columns=["no_such_column"])
except frazil.FrazilError as error:
    print(f"{error.code} {error.reason} {error.advice}: {error}")
