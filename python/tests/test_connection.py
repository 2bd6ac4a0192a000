"""Tokens, certificates and errors."""

import hashlib
import shutil
import subprocess
import tempfile
import unittest
from datetime import datetime, timedelta, timezone
from pathlib import Path

import frazil
from frazil._errors import error_of
from frazil._request import READER_OPTIONS, milliseconds, read_request

from .server import Server


class Tokens(unittest.TestCase):
    def test_only_known_tokens_are_let_in(self) -> None:
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        tokens = Path(temporary.name) / "tokens"
        tokens.write_text(f"team {hashlib.sha256(b'secret').hexdigest()}\n")
        with Server(settings=f"[server]\ntokens = '{tokens}'\n") as server:
            for token in (None, "other"):
                with server.connect(token=token) as client:
                    for call in (client.tables, lambda: client.read_table("fx.upsert_v2"), client.groups):
                        with self.subTest(token=token), self.assertRaises(frazil.FrazilError) as raised:
                            call()
                        error = raised.exception
                        self.assertEqual((error.code, error.reason), ("UNAUTHENTICATED", "UNAUTHENTICATED"))
                        self.assertEqual(error.advice, "FIX_REQUEST")
                        self.assertFalse(error.may_pass)
                    with client.consumer("fx.upsert_v2") as consumer, self.assertRaises(frazil.FrazilError):
                        next(consumer)
            for token in ("secret", lambda: "secret"):
                with server.connect(token=token) as client:
                    self.assertEqual(client.read_table("fx.upsert_v2").read_all().num_rows, 62)


@unittest.skipUnless(shutil.which("openssl"), "openssl is not there")
class Tls(unittest.TestCase):
    def test_a_server_is_believed_by_its_certificate(self) -> None:
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        folder = Path(temporary.name)
        for name in ("server", "other"):
            self._certificate(folder / f"{name}.pem", folder / f"{name}.key")
        settings = f"[server]\ntls-certificate = '{folder}/server.pem'\ntls-key = '{folder}/server.key'\n"
        with Server(settings=settings) as server:
            uri = server.uri.replace("grpc://", "grpc+tls://")
            roots = (folder / "server.pem").read_bytes()
            with frazil.connect(uri, tls_root_certs=roots) as client:
                self.assertEqual(client.read_table("fx.upsert_v2").read_all().num_rows, 62)
            with frazil.connect(uri, tls_root_certs=(folder / "other.pem").read_text(), timeout=10) as client:
                with self.assertRaises(frazil.FrazilError) as raised:
                    client.tables()
                self.assertEqual(raised.exception.code, "UNAVAILABLE")

    def _certificate(self, certificate: Path, key: Path) -> None:
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
            + ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
            + ["-addext", "basicConstraints=critical,CA:FALSE", "-keyout", str(key), "-out", str(certificate)],
            check=True,
            capture_output=True,
        )


class Errors(unittest.TestCase):
    def test_the_server_says_what_is_wrong(self) -> None:
        with Server() as server, server.connect() as client:
            for call, code, reason in (
                (lambda: client.read_changes("fx.none"), "NOT_FOUND", "TABLE_NOT_FOUND"),
                (lambda: client.read_changes("fx.upsert_v2", columns=["x"]), "INVALID_ARGUMENT", "INVALID_ARGUMENT"),
                (lambda: client.read_changes("fx.upsert_v2", filter="id >"), "INVALID_ARGUMENT", "INVALID_ARGUMENT"),
                (lambda: client.read_changes("fx.upsert_v2", mode="x"), "INVALID_ARGUMENT", "INVALID_ARGUMENT"),
                (lambda: client.read_changes("fx.upsert_v2", start="after:1"), "FAILED_PRECONDITION", "SNAPSHOT_EXPIRED"),
                (lambda: client.commit_position("fx.upsert_v2", "g", "x"), "INVALID_ARGUMENT", "POSITION_INVALID"),
            ):
                with self.assertRaises(frazil.FrazilError) as raised:
                    call()
                error = raised.exception
                self.assertEqual((error.code, error.reason, error.advice), (code, reason, "FIX_REQUEST"))

    def test_a_server_that_is_not_there_is_worth_another_try(self) -> None:
        with frazil.connect("grpc://127.0.0.1:1") as client, self.assertRaises(frazil.FrazilError) as raised:
            client.tables()
        self.assertEqual((raised.exception.code, raised.exception.advice), ("UNAVAILABLE", "RETRY_LATER"))
        self.assertTrue(raised.exception.may_pass)

    def test_details_that_make_no_sense_hide_no_error(self) -> None:
        # google.rpc.Status with code 5 and a message, then cut off.
        for details in (b"\x08\x05\x12\x03abc\x1a\xff", b"\x08\x63", b"\xff"):
            error = error_of(OSError("cause"), details)
            self.assertIsInstance(error, frazil.FrazilError)
            self.assertEqual(str(error), "cause")
        whole = error_of(OSError("cause"), b"\x08\x05\x12\x03abc")
        self.assertEqual((whole.code, whole.reason, str(whole)), ("NOT_FOUND", "NOT_FOUND", "abc"))


class Requests(unittest.TestCase):
    def test_options_are_those_of_the_protocol(self) -> None:
        options = {
            "mode": "upsert",
            "drop_kinds": ["delete"],
            "on_non_append": "added-only",
            "start": datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=1))),
            "columns": ("a", "b.c"),
            "schema_id": 0,
            "filter": None,
            "route": "ROUTE_KEY",
        }
        expected = {
            "table": "a.b",
            "mode": "MODE_UPSERT",
            "drop_kinds": ["CHANGE_TYPE_DELETE"],
            "on_non_append": "ON_NON_APPEND_ADDED_ONLY",
            "start": "timestamp:2026-01-02T02:04:05+00:00",
            "columns": ["a", "b.c"],
            "schema": "SCHEMA_MODE_PINNED",
            "schema_id": 0,
            "route": "ROUTE_KEY",
        }
        self.assertEqual(read_request("a.b", options, READER_OPTIONS), expected)
        for wrong in ({"colums": ["a"]}, {"columns": "a"}):
            with self.assertRaises(TypeError):
                read_request("a.b", wrong, READER_OPTIONS)

    def test_times_have_a_zone(self) -> None:
        for time in ("1970-01-01T00:00:01.500Z", "1970-01-01T01:00:01.500+01:00", "1970-01-01T00:00:01.500", 1_500):
            self.assertEqual(milliseconds(time), 1_500)
        self.assertEqual(milliseconds(datetime(1969, 12, 31, 23, 59, 59, 999_000, tzinfo=timezone.utc)), -1)
        with self.assertRaises(TypeError):
            milliseconds(datetime(2026, 1, 1))


if __name__ == "__main__":
    unittest.main()
