"""Consumers lose nothing and deliver nothing twice, whatever becomes of the server."""

import threading
import time
import unittest
from collections import Counter
from unittest import mock

import pyarrow as pa

import frazil
from frazil._consumer import Assembly

from . import fixtures
from .fixtures import GrowingTable, changes_of, fold, table, text
from .server import Server

WAIT = 30.0
"""Nothing takes so long."""


def collect(consumer: frazil.Consumer, until: int, changes: Counter[str]) -> None:
    """Takes batches until the snapshot is delivered in whole."""
    deadline = time.monotonic() + WAIT
    while time.monotonic() < deadline:
        batch = consumer.poll(1.0)
        if batch is None:
            continue
        note(changes, batch)
        if batch.marker is not None and batch.snapshot_id == until:
            return
    raise AssertionError(f"snapshot {until} did not come")


def note(changes: Counter[str], batch: frazil.ChangeBatch) -> None:
    for row in batch.batch.to_pylist():
        changes[f"{row['_commit_snapshot_id']} {row['_change_type']} {row['id']}"] += 1


def all_changes(client: frazil.Client, name: str) -> Counter[str]:
    """Changes read at one go, which other tests compare with what Flink says."""
    changes: Counter[str] = Counter()
    for batch in client.read_changes(name):
        for row in batch.to_pylist():
            changes[f"{row['_commit_snapshot_id']} {row['_change_type']} {row['id']}"] += 1
    return changes


class Consuming(unittest.TestCase):
    def setUp(self) -> None:
        self.server = Server().start()
        self.addCleanup(self.server.__exit__)
        self.client = self.server.connect()
        self.addCleanup(self.client.close)

    def test_a_group_goes_on_from_its_last_commit(self) -> None:
        of = table("upsert_v2")
        rows: Counter[str] = Counter()
        n_consumers = 0
        while True:
            # A batch that is taken and not committed comes again.
            with self.client.consumer(of.name, "g", follow=False, batch_rows=5) as consumer:
                n_taken = 0
                for batch in consumer:
                    n_taken += 1
                    if n_taken == 6:
                        break
                    fold(rows, batch.batch)
                    consumer.commit()
            n_consumers += 1
            if n_taken < 6:
                break
        self.assertGreater(n_consumers, 4)
        self.assertEqual(rows, of.rows(of.snapshots()[-1]))
        described = self.client.describe_group(of.name, "g")
        self.assertEqual(described.name, "g")
        self.assertGreater(described.version, 20)

    def test_after_the_end_the_group_stands_at_the_head(self) -> None:
        of = table("upsert_v2")
        with self.client.consumer(of.name, "g", follow=False) as consumer:
            self.assertEqual(sum(batch.num_rows for batch in consumer), 136)
            consumer.commit()
            consumer.commit()
        described = self.client.describe_group(of.name, "g")
        self.assertEqual(described.snapshot_id, of.snapshots()[-1])
        self.assertEqual(described.lag, frazil.Lag(0, 0, 0, 0))
        self.assertEqual(described.version, 1)
        self.assertEqual([one.name for one in self.client.groups(of.name)], ["g"])
        with self.client.consumer(of.name, "g", follow=False) as consumer:
            self.assertEqual(list(consumer), [])
        # A plain read goes on from the group too, and leaves it where it is.
        self.assertEqual(self.client.read_changes(of.name, group="g").read_all().num_rows, 0)
        self.client.delete_group(of.name, "g")
        self.assertEqual(self.client.groups(), [])
        with self.assertRaises(frazil.FrazilError) as raised:
            self.client.describe_group(of.name, "g")
        self.assertEqual((raised.exception.code, raised.exception.reason), ("NOT_FOUND", "GROUP_NOT_FOUND"))

    def test_of_two_consumers_of_a_group_one_is_refused(self) -> None:
        with (
            self.client.consumer("fx.upsert_v2", "g") as first,
            self.client.consumer("fx.upsert_v2", "g") as second,
        ):
            next(first), next(second)
            first.commit()
            with self.assertRaises(frazil.FrazilError) as raised:
                second.commit()
            self.assertEqual((raised.exception.code, raised.exception.reason), ("ABORTED", "GROUP_CHANGED"))
            next(first)
            first.commit()

    def test_a_position_of_another_stream_is_refused(self) -> None:
        with self.client.consumer("fx.upsert_v2", "g", columns=["id"]) as consumer:
            next(consumer)
            consumer.commit()
        with self.client.consumer("fx.upsert_v2", "g", mode="append") as consumer:
            with self.assertRaises(frazil.FrazilError) as raised:
                next(consumer)
        self.assertEqual(raised.exception.code, "FAILED_PRECONDITION")

    def test_nothing_is_lost_or_doubled_when_the_server_is_killed_between_batches(self) -> None:
        of = table("upsert_unpartitioned_v2")
        expected = all_changes(self.client, of.name)
        changes: Counter[str] = Counter()
        # What is kept back by gRPC hides nothing: one row a batch, and the server knows of none that was taken.
        with self.client.consumer(of.name, "g", follow=False, batch_rows=1) as consumer:
            for n_taken, batch in enumerate(consumer, 1):
                note(changes, batch)
                if n_taken in (3, 40, 41, 90):
                    self.server.kill()
                    self.server.start()
                    consumer.commit()
        self.assertEqual(changes, expected)

    def test_a_server_that_is_told_to_stop_hands_its_streams_over(self) -> None:
        of = table("upsert_v2")
        expected = all_changes(self.client, of.name)
        changes: Counter[str] = Counter()
        with self.client.consumer(of.name, follow=True, start="earliest", markers=True) as consumer:
            note(changes, next(consumer))
            self.server.stop()
            self.server.start()
            collect(consumer, of.snapshots()[-1], changes)
            self.assertIsNone(consumer.poll(1.0))
        self.assertEqual(changes, expected)

    def test_an_error_that_does_not_pass_ends_the_consumer(self) -> None:
        with self.client.consumer("fx.none") as consumer, self.assertRaises(frazil.FrazilError) as raised:
            next(consumer)
        self.assertEqual(raised.exception.reason, "TABLE_NOT_FOUND")
        with self.client.consumer("fx.upsert_v2", retry_timeout=0.5, start="latest") as consumer:
            self.server.kill()
            with self.assertRaises(frazil.FrazilError) as raised:
                next(consumer)
            self.assertEqual(raised.exception.code, "UNAVAILABLE")

    def test_closing_wakes_whoever_waits(self) -> None:
        consumer = self.client.consumer("fx.upsert_v2", start="latest")
        threading.Timer(0.5, consumer.close).start()
        self.assertEqual(list(consumer), [])


class Growing(unittest.TestCase):
    def test_a_table_that_grows_is_followed_through_restarts(self) -> None:
        of = table("upsert_v2")
        snapshots = of.snapshots()
        with Server() as server:
            growing = GrowingTable(of, server.folder, 3)
            with Server(catalog=growing.catalog, settings="[server]\nheartbeat-interval = '200ms'\n") as server:
                rows, changes = Counter(), Counter()
                client = server.connect()
                self.addCleanup(client.close)
                with client.consumer(of.name, "g", start="earliest", markers=True, heartbeats=True) as consumer:
                    while growing.n_commits <= len(snapshots):
                        self._take_snapshot(consumer, snapshots[growing.n_commits - 1], rows, changes)
                        self.assertEqual(rows, of.rows(snapshots[growing.n_commits - 1]))
                        consumer.commit()
                        beat = consumer.poll(WAIT)
                        self.assertTrue(beat.is_heartbeat)
                        self.assertGreater(beat.last_checked_ms, 0)
                        self.assertEqual(beat.position, consumer.position)
                        if growing.n_commits == len(snapshots):
                            break
                        if growing.n_commits in (4, 6):
                            server.kill()
                            growing.commit()
                            server.start()
                        else:
                            growing.commit()
                    self.assertTrue(all(n == 1 for n in changes.values()))
                self.assertEqual(client.describe_group(of.name, "g").snapshot_id, snapshots[-1])
                self.assertEqual(sum(changes.values()), 136)

    def _take_snapshot(self, consumer: frazil.Consumer, until: int, rows: Counter, changes: Counter) -> None:
        deadline = time.monotonic() + WAIT
        while time.monotonic() < deadline:
            batch = consumer.poll(1.0)
            if batch is None:
                continue
            if batch.num_rows:
                fold(rows, batch.batch)
                note(changes, batch)
            if batch.marker is not None and batch.snapshot_id == until:
                self.assertIsNotNone(batch.snapshot_watermark)
                return
        self.fail(f"snapshot {until} did not come")

    def test_a_reader_that_follows_gets_what_is_committed_later(self) -> None:
        of = table("append_watermark_v2")
        with Server() as other:
            growing = GrowingTable(of, other.folder, 1)
            with Server(catalog=growing.catalog) as server, server.connect() as client:
                reader = client.read_changes(of.name, follow=True, start="earliest")
                first = of.rows(of.snapshots()[0])
                seen: Counter[str] = Counter()
                while growing.n_commits < len(of.snapshots()):
                    growing.commit()
                while seen != of.rows(of.snapshots()[-1]):
                    seen.update(text(row) for _, row in changes_of(reader.read_next_batch()))
                self.assertNotEqual(first, seen)


class Parts(unittest.TestCase):
    """Large batches come in parts; what is sent by a server is made up here."""

    def batch(self, position: str, n_rows: int = 1) -> frazil.ChangeBatch:
        marker = None if n_rows else frazil.Marker("snapshot_end")
        return frazil.ChangeBatch(pa.record_batch({"id": list(range(n_rows))}), position, marker=marker)

    def positions(self, assembly: Assembly, *batches: tuple[str, int]) -> list[list[str]]:
        return [[one.position for one in assembly.add(self.batch(*batch))] for batch in batches]

    def test_parts_are_handed_out_when_the_last_is_there(self) -> None:
        handed = self.positions(Assembly("p0"), ("p1", 1), ("p1", 1), ("p1", 1), ("p2", 1), ("p3", 1))
        self.assertEqual(handed, [["p1"], [], [], ["p1", "p1", "p2"], ["p3"]])

    def test_a_marker_shows_that_what_came_before_is_whole(self) -> None:
        self.assertEqual(self.positions(Assembly(None), ("p1", 1), ("p2", 0)), [[], ["p1", "p2"]])
        self.assertEqual(self.positions(Assembly(""), ("", 1), ("p1", 1)), [[], ["", "p1"]])

    def test_where_the_beginning_is_not_known_the_first_batch_is_kept_back(self) -> None:
        # Either a part and the last part, or a whole batch and a part of the next: what is held is whole at `p2`.
        handed = self.positions(Assembly(None), ("p1", 1), ("p1", 1), ("p2", 1), ("p3", 1))
        self.assertEqual(handed, [[], [], ["p1", "p1", "p2"], ["p3"]])

    def test_what_is_kept_back_is_whole_when_the_stream_ends(self) -> None:
        assembly = Assembly(None)
        self.assertEqual(assembly.add(self.batch("p1")), [])
        self.assertEqual([one.position for one in assembly.rest()], ["p1"])
        self.assertEqual(assembly.rest(), [])


class Commits(unittest.TestCase):
    def test_a_commit_whose_answer_was_lost_is_recognized(self) -> None:
        with Server() as server, server.connect() as client, client.consumer("fx.upsert_v2", "g") as consumer:
            next(consumer)
            really = client._action
            answers = iter([frazil.FrazilError("cut off", code="UNAVAILABLE")])

            def action(name: str, body: dict, **arguments: object) -> dict:
                answer = really(name, body, **arguments)
                if name == "commit-position":
                    for error in answers:
                        raise error
                return answer

            with mock.patch.object(client, "_action", action):
                consumer.commit()
                next(consumer)
                consumer.commit()
            self.assertEqual(client.describe_group("fx.upsert_v2", "g").version, 2)
            self.assertEqual(client.describe_group("fx.upsert_v2", "g").position, consumer.position)


if __name__ == "__main__":
    unittest.main()
