"""A TCP relay in front of a node, so that a test decides how much of what it sends arrives."""

import socket
import threading


def host_and_port(address):
    host, port = address.rsplit(":", 1)
    return host, int(port)


class Relay:
    """Connects whoever comes to `address` with `target` (both HOST:PORT), and hands on `bytes_first` of its answers.

    `target` is set before anybody comes.
    """

    def __init__(self, address, bytes_first):
        self.target, self._left = None, bytes_first
        self._state = threading.Condition()
        self._open = False
        self._listener = socket.create_server(host_and_port(address))
        threading.Thread(target=self._serve, daemon=True).start()

    def more(self, size):
        """Hands on so many bytes more."""
        with self._state:
            self._left += size
            self._state.notify_all()

    def open(self):
        """From now on everything passes."""
        with self._state:
            self._open = True
            self._state.notify_all()

    def close(self):
        self.open()
        self._listener.close()

    def _serve(self):
        while True:
            try:
                near, _ = self._listener.accept()
                far = socket.create_connection(host_and_port(self.target))
            except OSError:
                return
            for source, sink, counted in ((near, far, False), (far, near, True)):
                threading.Thread(target=self._pass_on, args=(source, sink, counted), daemon=True).start()

    def _pass_on(self, source, sink, counted):
        try:
            while block := source.recv(1 << 16):
                if counted:
                    self._take(len(block))
                sink.sendall(block)
        except OSError:
            pass
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def _take(self, size):
        with self._state:
            self._state.wait_for(lambda: self._open or self._left > 0)
            self._left -= size
