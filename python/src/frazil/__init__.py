"""Changes and rows of Apache Iceberg tables, from a frazil server, as Arrow.

    import frazil

    with frazil.connect("grpc://127.0.0.1:7447") as client:
        changes = client.read_changes("db.orders", columns=["id", "amount"]).read_all()

The functions of this module are those of :class:`Client`, with a connection to ``FRAZIL_SERVER`` (default
``grpc://127.0.0.1:7447``) and the token in ``FRAZIL_TOKEN``, if there is one.
"""

from __future__ import annotations

import os
import threading
from datetime import datetime
from typing import TYPE_CHECKING, Any, Mapping, Sequence

import pyarrow as pa

from ._calls import Token
from ._client import DEFAULT_URI, Client
from ._consumer import Consumer
from ._errors import FrazilError, FrazilTimeout
from ._request import ChangeOptions, Place, ReaderOptions, RowOptions
from ._types import ChangeBatch, Group, Lag, Marker, Watermark, WriterWatermark

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = [
    "ChangeBatch",
    "ChangeOptions",
    "Client",
    "Consumer",
    "FrazilError",
    "FrazilTimeout",
    "Group",
    "Lag",
    "Marker",
    "ReaderOptions",
    "RowOptions",
    "Watermark",
    "WriterWatermark",
    "compact",
    "connect",
    "consumer",
    "default_client",
    "delete_group",
    "describe_group",
    "groups",
    "read_changes",
    "read_table",
    "reset_group",
    "tables",
    "wait_watermark",
    "watermark",
]

_lock = threading.Lock()
_default: tuple[str, Client] | None = None


def connect(
    uri: str = DEFAULT_URI,
    token: Token = None,
    tls_root_certs: bytes | str | None = None,
    *,
    cert_chain: bytes | str | None = None,
    private_key: bytes | str | None = None,
    override_hostname: str | None = None,
    options: Mapping[str, str | int] | None = None,
    timeout: float | None = None,
) -> Client:
    """A client of the server at ``uri``. See :class:`Client` for the arguments.

    Nothing is sent yet: that the server is not there is told by the first call.

    Raises:
        FrazilError: the address or the certificates make no sense.
    """
    return Client(
        uri,
        token,
        tls_root_certs,
        cert_chain=cert_chain,
        private_key=private_key,
        override_hostname=override_hostname,
        options=options,
        timeout=timeout,
    )


def default_client() -> Client:
    """The client of this module's functions, by ``FRAZIL_SERVER`` as it is now. The token is read for each call."""
    global _default
    uri = os.environ.get("FRAZIL_SERVER") or DEFAULT_URI
    with _lock:
        if _default is None or _default[0] != uri:
            _default = (uri, Client(uri, lambda: os.environ.get("FRAZIL_TOKEN", "")))
        return _default[1]


def read_changes(table: str, **options: Unpack[ReaderOptions]) -> pa.RecordBatchReader:
    """:meth:`Client.read_changes` of the default client."""
    return default_client().read_changes(table, **options)


def read_table(table: str, at: Place | None = None, **options: Unpack[RowOptions]) -> pa.RecordBatchReader:
    """:meth:`Client.read_table` of the default client."""
    return default_client().read_table(table, at, **options)


def consumer(
    table: str,
    group: str | None = None,
    *,
    markers: bool = False,
    heartbeats: bool = False,
    retry_timeout: float = 600.0,
    **options: Unpack[ChangeOptions],
) -> Consumer:
    """:meth:`Client.consumer` of the default client."""
    return default_client().consumer(
        table, group, markers=markers, heartbeats=heartbeats, retry_timeout=retry_timeout, **options
    )


def tables(catalog: str | None = None) -> list[str]:
    """:meth:`Client.tables` of the default client."""
    return default_client().tables(catalog)


def watermark(
    table: str,
    *,
    reach: datetime | int | str | None = None,
    names: Sequence[str] = (),
    branch: str | None = None,
) -> Watermark:
    """:meth:`Client.watermark` of the default client."""
    return default_client().watermark(table, reach=reach, names=names, branch=branch)


def wait_watermark(
    table: str,
    until: datetime | int | str,
    timeout: float | None = None,
    *,
    names: Sequence[str] = (),
    branch: str | None = None,
) -> Watermark:
    """:meth:`Client.wait_watermark` of the default client."""
    return default_client().wait_watermark(table, until, timeout, names=names, branch=branch)


def groups(table: str | None = None) -> list[Group]:
    """:meth:`Client.groups` of the default client."""
    return default_client().groups(table)


def describe_group(table: str, name: str) -> Group:
    """:meth:`Client.describe_group` of the default client."""
    return default_client().describe_group(table, name)


def reset_group(table: str, name: str, start: Place, *, dry_run: bool = False) -> Group:
    """:meth:`Client.reset_group` of the default client."""
    return default_client().reset_group(table, name, start, dry_run=dry_run)


def delete_group(table: str, name: str) -> None:
    """:meth:`Client.delete_group` of the default client."""
    default_client().delete_group(table, name)


def compact(table: str, options: Mapping[str, Any] | None = None, *, wait: bool = True) -> dict[str, Any]:
    """:meth:`Client.compact` of the default client."""
    return default_client().compact(table, options, wait=wait)
