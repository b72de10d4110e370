"""Free ports on 127.0.0.1."""

import socket

HOST = "127.0.0.1"


def free_port(preferred: int = 0) -> int:
    """A port that nobody listens on: the preferred one if it is free, else one that the system picks."""
    with socket.socket() as probe:
        # A server that has just stopped leaves its port in TIME_WAIT, where it may be had again.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, preferred))
        except OSError:
            probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
