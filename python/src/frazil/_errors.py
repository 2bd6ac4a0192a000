"""Errors: what the server says of itself, for people and for programs."""

from __future__ import annotations

from typing import Iterator

import pyarrow as pa
from pyarrow import flight

_CODES = (
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
)
"""Names of gRPC's codes, by number."""

_CODE_OF_CLASS: tuple[tuple[type[BaseException], str], ...] = (
    (flight.FlightUnavailableError, "UNAVAILABLE"),
    (flight.FlightUnauthenticatedError, "UNAUTHENTICATED"),
    (flight.FlightUnauthorizedError, "PERMISSION_DENIED"),
    (flight.FlightTimedOutError, "DEADLINE_EXCEEDED"),
    (flight.FlightCancelledError, "CANCELLED"),
    (flight.FlightInternalError, "INTERNAL"),
    (pa.ArrowNotImplementedError, "UNIMPLEMENTED"),
    (pa.ArrowKeyError, "NOT_FOUND"),
    (pa.ArrowInvalid, "INVALID_ARGUMENT"),
)

FAILURES: tuple[type[BaseException], ...] = (pa.ArrowException, flight.FlightError, OSError)
"""What a call of pyarrow's Flight client may raise."""


class FrazilError(Exception):
    """A request that failed, or a stream that broke off.

    The text says what is wrong and what would be right.
    """

    code: str
    """Kind of failure: the name of gRPC's code, such as ``NOT_FOUND`` or ``FAILED_PRECONDITION``."""
    reason: str
    """The cause, stable, such as ``SNAPSHOT_EXPIRED``; where the server said nothing it is the code."""
    advice: str
    """``RETRY_LATER``, ``RELOAD_AND_RETRY``, ``VERIFY_FIRST``, ``FIX_REQUEST``, ``REPORT_BUG``; empty if unknown."""

    def __init__(self, message: str, *, code: str = "UNKNOWN", reason: str = "", advice: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason or code
        self.advice = advice

    @property
    def may_pass(self) -> bool:
        """The same request may succeed later."""
        return self.code == "UNAVAILABLE" or self.advice == "RETRY_LATER"


class FrazilTimeout(FrazilError, TimeoutError):
    """What was waited for did not happen in time."""


def error_of(error: BaseException, details: bytes | None) -> FrazilError:
    """What a failure of pyarrow means. ``details`` is the ``google.rpc.Status`` that came with it, if one did."""
    if isinstance(error, FrazilError):
        return error
    if details:
        try:
            return _of_status(details)
        except (ValueError, IndexError, UnicodeDecodeError):
            pass
    code = next((code for kind, code in _CODE_OF_CLASS if isinstance(error, kind)), "UNKNOWN")
    message = str(error)
    # All errors of the server have details. What has none comes from the connection: one that was cut off is told in
    # several ways.
    if code in ("INTERNAL", "UNKNOWN", "UNAVAILABLE"):
        return FrazilError(message, code="UNAVAILABLE", advice="RETRY_LATER")
    if code == "DEADLINE_EXCEEDED":
        return FrazilTimeout(message, code=code, advice="RETRY_LATER")
    advice = "FIX_REQUEST" if code in ("UNAUTHENTICATED", "PERMISSION_DENIED", "INVALID_ARGUMENT", "NOT_FOUND") else ""
    return FrazilError(message, code=code, advice=advice)


def _of_status(status: bytes) -> FrazilError:
    """From ``google.rpc.Status``: 1 is the code, 2 the message, 3 are the details (``google.protobuf.Any``)."""
    code, message, reason, advice = "UNKNOWN", "", "", ""
    for field, value in _fields(status):
        if field == 1 and isinstance(value, int):
            code = _CODES[value]
        elif field == 2 and isinstance(value, bytes):
            message = value.decode()
        elif field == 3 and isinstance(value, bytes):
            detail = dict(_fields(value))
            if bytes(detail.get(1, b"")).endswith(b"/google.rpc.ErrorInfo"):
                reason, advice = _of_error_info(bytes(detail.get(2, b"")))
    return FrazilError(message, code=code, reason=reason, advice=advice)


def _of_error_info(info: bytes) -> tuple[str, str]:
    """From ``google.rpc.ErrorInfo``: 1 is the reason, 3 the metadata, each entry with key 1 and value 2."""
    reason, advice = "", ""
    for field, value in _fields(info):
        if field == 1 and isinstance(value, bytes):
            reason = value.decode()
        elif field == 3 and isinstance(value, bytes):
            entry = dict(_fields(value))
            if entry.get(1) == b"advice":
                advice = bytes(entry.get(2, b"")).decode()
    return reason, advice


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Fields of a protobuf message, as far as these messages have them: numbers and bytes."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        if tag & 7 == 0:
            value, at = _varint(message, at)
            yield tag >> 3, value
        elif tag & 7 == 2:
            length, at = _varint(message, at)
            if at + length > len(message):
                raise ValueError("cut off")
            yield tag >> 3, message[at : at + length]
            at += length
        else:
            raise ValueError("a field of an unexpected type")


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value, shift = 0, 0
    while True:
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
