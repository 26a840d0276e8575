"""Shows protected mode from inside a network namespace of its own: protected_mode_probe.py BINARY.

The loopback device gets a second address, 10.99.0.1, from which a client looks like one of another
machine. Prints "ok" when everybody was treated as they should be.
"""

from __future__ import annotations

import fcntl
import socket
import struct
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "commands"))

import wire
from live_server import LiveServer

OUTSIDE = "10.99.0.1"
SIOCSIFADDR, SIOCSIFFLAGS = 0x8916, 0x8914
IFF_UP = 1


def bring_up() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", IFF_UP))
        address = struct.pack("16sHH4s8x", b"lo:1", socket.AF_INET, 0, socket.inet_aton(OUTSIDE))
        fcntl.ioctl(control, SIOCSIFADDR, address)


def ask(host: str, port: int) -> bytes:
    with wire.Connection((host, port)) as client:
        client.send(wire.encode([b"PING"]) + wire.encode([b"QUIT"]))
        return client.drain()


def main() -> None:
    bring_up()
    with LiveServer(sys.argv[1], ["--bind", "0.0.0.0"]) as server:
        inside = ask("127.0.0.1", server.port)
        assert inside == b"+PONG\r\n+OK\r\n", inside
        outside = ask(OUTSIDE, server.port)
        assert outside.startswith(b"-DENIED "), outside
        assert b"protected mode" in outside.lower(), outside
        with server.connect() as admin:
            admin.call("CONFIG", "SET", "protected-mode", "no")
        assert ask(OUTSIDE, server.port) == b"+PONG\r\n+OK\r\n"
        with server.connect() as admin:
            admin.call("CONFIG", "SET", "protected-mode", "yes")
            admin.call("CONFIG", "SET", "requirepass", "secret")
        assert ask(OUTSIDE, server.port).startswith(b"-NOAUTH "), "a password opens the door"
    print("ok")


main()
