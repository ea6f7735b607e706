"""A proxy before a server: it calls something as soon as a message holds a mark, and can fall silent."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress


class Trigger:
    """Forwards to a server on loopback; `strike` is called once, before the message with `mark` goes on."""

    def __init__(self, port: int, mark: bytes = b"", strike: Callable[[], object] = lambda: None) -> None:
        self._target = ("127.0.0.1", port)
        self._mark, self._strike = mark, strike
        self._open = threading.Event()
        self._open.set()
        self._lock = threading.Lock()
        self.has_struck = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]

    def __enter__(self) -> Trigger:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._open.set()
        self._listener.close()

    def fall_silent(self) -> None:
        """Forward nothing from now on; connections are accepted and stay open."""
        self._open.clear()

    def speak(self) -> None:
        """Forward again, also what has come meanwhile."""
        self._open.set()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with suppress(OSError), client, socket.create_connection(self._target) as server:
            back = threading.Thread(target=self._copy, args=(server, client, b""), daemon=True)
            back.start()
            self._copy(client, server, self._mark)
            back.join()

    def _copy(self, source: socket.socket, target: socket.socket, mark: bytes) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if mark and mark in data:
                    self._struck()
                self._open.wait()
                target.sendall(data)
        with suppress(OSError):
            target.shutdown(socket.SHUT_RDWR)

    def _struck(self) -> None:
        with self._lock:
            if not self.has_struck.is_set():
                self._strike()
                self.has_struck.set()
