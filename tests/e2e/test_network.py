"""Tests' own networks: what one test leaves behind meets no other, and all goes on where no namespace can be made."""

import pathlib
import socket
import sys
import unittest

import harness
import network

MACHINE = network.present()
PORT = 2445

left_behind = {}  # a listening socket of each network


def connects(address):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as listener, socket.socket(family) as client:
        listener.bind((address, 0))
        listener.listen()
        client.settimeout(harness.BOUND)
        client.connect(listener.getsockname()[:2])
        listener.accept()[0].close()


class Loopback(unittest.TestCase):
    def test_every_address_of_it(self):
        for address in ("127.0.0.1", "127.0.1.250", "127.9.8.7", "::1"):
            with self.subTest(address):
                connects(address)

    def test_an_unused_port_is_given_to_nobody_else(self):
        first, last = network.ephemeral_range()
        ports = {network.unused_port(kind) for _ in range(10) for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM)}
        self.assertEqual(len(ports), 20)
        self.assertEqual([port for port in ports if first <= port <= last], [])

    def test_a_port_in_use_is_not_unused(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            self.assertFalse(network.is_free(port, socket.SOCK_STREAM))
            self.assertTrue(network.is_free(port, socket.SOCK_DGRAM))


class Own(unittest.TestCase):
    """Twice the same test: the first keeps a port that the second wants."""

    def take_port(self):
        if network.refusal():
            return  # the runner has said so
        self.assertNotIn(network.present(), {MACHINE, *left_behind})
        left_behind[network.present()] = socket.create_server(("127.0.0.1", PORT))

    def test_first(self):
        self.take_port()

    def test_second(self):
        self.take_port()

    @classmethod
    def tearDownClass(cls):
        for taken in left_behind.values():
            taken.close()


class Refused(unittest.TestCase):
    def test_the_machines_network_does(self):
        script = """
import harness, network
def refuse(what):
    raise PermissionError(1, "not permitted")
network.unshare = refuse
harness.main("test_network", ["Loopback"])
"""
        told = harness.run(sys.executable, "-c", script, cwd=pathlib.Path(__file__).parent)
        self.assertEqual((told.returncode, told.stderr), (0, b""), told.stdout.decode())
        remarks, results = [], []
        for line in told.stdout.decode().splitlines():
            (remarks if line.startswith("#") else results).append(line)
        self.assertRegex(remarks[0], "^# tests share the machine's network, as no namespace can be made: .*not permitted$")
        self.assertEqual(["ok", "ok", "ok", "1..3"], [line.split()[0] for line in results])


if __name__ == "__main__":
    harness.main()
