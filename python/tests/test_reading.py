"""Rows and changes are those that Flink wrote."""

import json
import threading
import unittest
import unittest.mock
from collections import Counter

import pyarrow as pa

import frazil

from . import fixtures
from .fixtures import changes_of, fold, rows_of, table
from .server import Server


class Reading(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.server = Server().start()
        cls.addClassCleanup(cls.server.__exit__)
        cls.client = cls.server.connect()
        cls.addClassCleanup(cls.client.close)

    def test_all_tables_are_listed(self) -> None:
        expected = [f"default.{one.name}" for one in fixtures.tables()]
        self.assertEqual(self.client.tables(), expected)

    def test_rows_of_every_snapshot_are_those_that_flink_sees(self) -> None:
        n_snapshots = 0
        for one in fixtures.tables():
            for snapshot_id in one.snapshots():
                with self.subTest(table=one.name, snapshot_id=snapshot_id):
                    reader = self.client.read_table(one.name, at=f"snapshot:{snapshot_id}")
                    self.assertIsInstance(reader, pa.RecordBatchReader)
                    self.assertEqual(rows_of(reader), one.rows(snapshot_id))
                n_snapshots += 1
        self.assertEqual(n_snapshots, 82)

    def test_changes_of_every_snapshot_fold_to_its_rows_and_are_those_that_flink_recorded(self) -> None:
        n_compared = 0
        for one in fixtures.tables():
            rows, removed, added, seen = Counter(), Counter(), Counter(), []
            is_evolving = (one.folder / "expected-current-schema").is_dir()
            with self.client.consumer(one.name, follow=False, markers=True) as consumer:
                for batch in consumer:
                    if batch.num_rows:
                        gone, new = fold(rows, batch.batch)
                        removed += gone
                        added += new
                    elif batch.marker.kind == "snapshot_end":
                        with self.subTest(table=one.name, snapshot_id=batch.snapshot_id):
                            self.assertEqual(rows, one.rows_in_current_schema(batch.snapshot_id))
                            if not is_evolving:
                                self.assertEqual(
                                    (removed - added, added - removed), one.changes(batch.snapshot_id)
                                )
                                n_compared += 1
                        seen.append(batch.snapshot_id)
                        removed, added = Counter(), Counter()
            self.assertEqual(seen, one.snapshots(), one.name)
        self.assertGreater(n_compared, 60)

    def test_a_read_without_markers_gives_the_same_changes(self) -> None:
        for one in fixtures.tables():
            with self.subTest(table=one.name):
                rows = Counter()
                for batch in self.client.read_changes(one.name):
                    self.assertGreater(batch.num_rows, 0)
                    fold(rows, batch)
                self.assertEqual(rows, one.rows_in_current_schema(one.snapshots()[-1]))

    def test_a_folder_of_tables_is_served_too(self) -> None:
        of = fixtures.FlinkTable(fixtures.FLINK / "hadoop" / "fx" / "hadoop_upsert_v2")
        with Server(str(fixtures.FLINK / "hadoop")) as server, server.connect() as client:
            rows = Counter()
            for batch in client.read_changes(of.name):
                fold(rows, batch)
            self.assertEqual(rows, of.rows(of.snapshots()[-1]))
            self.assertEqual(rows_of(client.read_table(of.name)), rows)

    def test_only_the_columns_that_are_named_come_in_that_order(self) -> None:
        reader = self.client.read_changes("fx.upsert_v2", columns=["amount", "id"])
        self.assertEqual(reader.schema.names, [*fixtures.CHANGE_COLUMNS, "amount", "id"])
        changes = reader.read_all()
        self.assertEqual(changes.num_rows, 136)
        self.assertEqual(changes.schema, reader.schema)
        rows = self.client.read_table("fx.upsert_v2", columns=["name"]).read_all()
        self.assertEqual(rows.schema.names, ["name"])
        self.assertEqual(rows.num_rows, 62)

    def test_a_filter_leaves_out_the_rows_for_which_it_does_not_hold(self) -> None:
        of = table("upsert_v2")
        expected = Counter(
            {row: n for row, n in of.rows(of.snapshots()[-1]).items() if json.loads(row)["qty"] > 100}
        )
        self.assertTrue(0 < expected.total() < 62)
        self.assertEqual(rows_of(self.client.read_table(of.name, filter="qty > 100")), expected)
        rows = Counter()
        for batch in self.client.read_changes(of.name, filter="qty > 100"):
            fold(rows, batch)
        self.assertEqual(rows, expected)

    def test_kinds_of_change_and_ranges_can_be_left_out(self) -> None:
        of = table("upsert_v2")
        _, second, third, *_ = of.snapshots()
        batches = list(
            self.client.read_changes(
                of.name, start=f"snapshot:{second}", end=f"snapshot:{third}", drop_kinds=["update_before", "delete"]
            )
        )
        changes = [(kind, row["id"]) for batch in batches for kind, row in changes_of(batch)]
        expected = [("INSERT", 21), ("UPDATE_AFTER", 1), ("UPDATE_AFTER", 2), ("UPDATE_AFTER", 3), ("UPDATE_AFTER", 6)]
        self.assertEqual(sorted(changes), expected)

    def test_modes_are_those_of_the_command(self) -> None:
        net = self.client.read_changes("fx.upsert_v2", mode="net").read_all()
        self.assertEqual(net.column("_change_type").to_pylist(), ["INSERT"] * 62)
        upsert = self.client.read_changes("fx.upsert_v2", mode="upsert").read_all()
        self.assertNotIn("UPDATE_BEFORE", upsert.column("_change_type").to_pylist())
        append = self.client.read_changes("fx.append_watermark_v2", mode="append").read_all()
        of = table("append_watermark_v2")
        self.assertEqual(rows_of(append.to_batches()), of.rows(of.snapshots()[-1]))

    def test_several_endpoints_are_read_together(self) -> None:
        try:
            reader = self.client.read_changes("fx.upsert_v2", endpoints=4)
        except frazil.FrazilError as error:
            self.assertEqual(error.code, "UNIMPLEMENTED")
            self.skipTest("this server sends one stream")
        rows = Counter()
        n_changes = 0
        for batch in reader:
            n_changes += batch.num_rows
            fold(rows, batch)
        of = table("upsert_v2")
        self.assertEqual((n_changes, rows), (136, of.rows(of.snapshots()[-1])))

    def test_a_reader_that_is_dropped_ends_its_threads(self) -> None:
        def names() -> list[str]:
            return [thread.name for thread in threading.enumerate() if thread.name.startswith("frazil-read")]

        self.assertEqual(names(), [])
        begun = self.client.read_changes("fx.upsert_v2", follow=True)
        begun.read_next_batch()
        unread = self.client.read_changes("fx.upsert_v2", follow=True)
        cancelled = self.client.read_changes("fx.upsert_v2", follow=True)
        self.assertEqual(len(names()), 3)
        del begun
        self.assertEqual(len(names()), 2)
        del unread
        self.assertEqual(len(names()), 1)
        self.client.cancel(cancelled)
        self.assertEqual(names(), [])
        self.assertEqual(list(cancelled), [])

    def test_closing_the_client_ends_its_streams(self) -> None:
        client = self.server.connect()
        reader = client.read_changes("fx.upsert_v2", follow=True)
        consumer = client.consumer("fx.upsert_v2")
        next(consumer)
        client.close()
        self.assertFalse(consumer.is_ended)
        self.assertIsNone(consumer.poll(10))
        self.assertTrue(consumer.is_ended)
        self.assertEqual(list(reader), [])

    def test_the_functions_of_the_module_use_the_server_of_the_environment(self) -> None:
        with unittest.mock.patch.dict("os.environ", {"FRAZIL_SERVER": self.server.uri}):
            self.assertEqual(frazil.read_table("fx.upsert_v2").read_all().num_rows, 62)
            self.assertEqual(frazil.tables(), self.client.tables())
            frazil.default_client().close()

    def test_watermarks_are_those_of_the_snapshots(self) -> None:
        of = table("append_watermark_v2")
        marks = [int(s["summary"]["flink.watermark"]) for s in of.metadata()["snapshots"] if "flink.watermark" in s["summary"]]
        names = ["property:flink.watermark"]
        found = self.client.watermark(of.name, names=names, reach=max(marks))
        self.assertEqual((found.watermark_ms, found.reached), (max(marks), True))
        self.assertEqual(int(found.time.timestamp() * 1_000), max(marks))
        self.assertFalse(self.client.watermark(of.name, names=names, reach=max(marks) + 1).reached)
        waited = self.client.wait_watermark(of.name, max(marks), timeout=30, names=names)
        self.assertTrue(waited.reached)
        with self.assertRaises(TimeoutError):
            self.client.wait_watermark(of.name, max(marks) + 1, timeout=0.5, names=names)
        with self.assertRaises(frazil.FrazilError) as raised:
            self.client.watermark("fx.upsert_v2")
        self.assertEqual(raised.exception.reason, "WATERMARK_UNKNOWN")


if __name__ == "__main__":
    unittest.main()
