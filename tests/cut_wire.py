"""A wire between a client and a server that can be cut: after so many bytes, at random, or for good."""

from __future__ import annotations

import contextlib
import random
import socket
import threading


class CutWire:
    """Listens on a free port of this machine and passes everything on to another.

    Attributes:
        port: To connect to.
        cut_after: How many bytes a client may still send over each connection before it is cut; None for any number.
        likely: How likely each piece that passes, either way, cuts its connection.
    """

    def __init__(self, to_port: int, seed: int = 0) -> None:
        self.to_port, self.cut_after, self.likely = to_port, None, 0.0
        self.cut_after: int | None
        self.cuts = 0
        self._choose = random.Random(seed)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Take no more connections."""
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def arrived(self, near: socket.socket) -> None:
        """What happens to a new connection before anything is passed on: nothing here."""

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listening.accept()
                try:
                    self.arrived(near)
                    far = socket.create_connection(("127.0.0.1", self.to_port))
                except OSError:
                    near.close()
                    continue
                for one in (near, far):
                    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=self._pass, args=(near, far, True), daemon=True).start()
                threading.Thread(target=self._pass, args=(far, near, False), daemon=True).start()

    def _pass(self, source: socket.socket, sink: socket.socket, upwards: bool) -> None:
        sent = 0
        with contextlib.suppress(OSError):
            while data := source.recv(4096):
                sent += len(data)
                over = upwards and self.cut_after is not None and sent > self.cut_after
                if over or self._choose.random() < self.likely:
                    self.cuts += 1
                    break
                sink.sendall(data)
        for one in (source, sink):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        source.close()
