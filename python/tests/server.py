"""Servers for tests, each a process of its own."""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import frazil

from . import fixtures

BINARY = os.environ["FRAZIL_BINARY"]
START_SECONDS = 30


class Server:
    """A server that is stopped at the end of a ``with``. It can be killed and started again, on the same port."""

    def __init__(self, *arguments: str, catalog: Path = fixtures.CATALOG, settings: str = "") -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="frazil-test-")
        self.folder = Path(self._folder.name)
        config = self.folder / "frazil.toml"
        config.write_text(settings)
        self._arguments = ["--config", str(config), "--path-map", fixtures.PATH_MAP, *arguments]
        if not any(not argument.startswith("-") for argument in arguments):
            self._arguments += ["--catalog-uri", f"sqlite:///{catalog}"]
        self._process: subprocess.Popen[bytes] | None = None
        self._address = "127.0.0.1:0"
        self.uri = ""

    def start(self) -> Server:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("FRAZIL_")}
        environment["XDG_STATE_HOME"] = str(self.folder / "state")
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [BINARY, "serve", "--listen", self._address, *self._arguments],
                stdout=subprocess.PIPE,
                stderr=log,
                env=environment,
                cwd=self.folder,
            )
        output = self._process.stdout
        deadline = time.monotonic() + START_SECONDS
        text = ""
        while "\n" not in text:
            ready, _, _ = select.select([output], [], [], max(deadline - time.monotonic(), 0))
            read = os.read(output.fileno(), 4_096) if ready else b""
            if not read:
                self.kill()
                raise AssertionError(f"the server did not start: {(self.folder / 'log').read_text()[-2_000:]}")
            text += read.decode()
        self.uri, scheme, self._address = re.search(r"((grpc\S*)://(\S+))", text).groups()
        return self

    def connect(self, **arguments: object) -> frazil.Client:
        return frazil.connect(self.uri, **arguments)

    def kill(self) -> None:
        """Ends it without a word."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Asks it to end."""
        self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(how)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()

    def __enter__(self) -> Server:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.kill()
        self._folder.cleanup()
