"""anchorload: what it says of servers that are dead, silent, wrong or slow, how it ends, and what it leaves unsaid of
good ones. The servers here are small and misbehave on purpose."""

import contextlib
import json
import os
import signal
import socket
import struct
import subprocess
import threading
import time

import harness
import network
from harness import Service, environment, program, run, wait_for
from network import unused_port

LOOPBACK = "127.0.0.1"
# Seconds within which a server here sends its next packet, and after which a client repeats its own.
LONG_PACKET = 2 * harness.FACTOR


def data(block, payload):
    return struct.pack(">HH", 3, block % 65536) + payload


def oack(**options):
    return b"\0\6" + b"".join(f"{name}\0{value}\0".encode() for name, value in options.items())


class Tftp:
    """A TFTP server that sends what it is told to, and remembers what it was sent."""

    def __init__(self, content=b"", oack=None, blksize=512, window=1):
        self.contents = content if callable(content) else lambda name: content
        self.oack, self.blksize, self.window = oack, blksize, window
        self.packets, self.names, self.content = [], [], b""
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((LOOPBACK, 0))
        self.socket.settimeout(0.05)
        self.port = self.socket.getsockname()[1]
        self.over = False
        self.thread = threading.Thread(target=self.serve)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over = True
        self.thread.join()
        self.socket.close()

    def serve(self):
        while not self.over:
            with contextlib.suppress(socket.timeout):
                packet, peer = self.socket.recvfrom(70000)
                self.packets.append(packet)
                self.on_packet(packet, peer)

    def acknowledged(self):
        return [struct.unpack(">H", p[2:4])[0] for p in self.packets if p[:2] == b"\0\4"]

    def errors(self):
        return [p[3] for p in self.packets if p[:2] == b"\0\5"]

    def on_packet(self, packet, peer):
        if packet[:2] == b"\0\1":
            self.names.append(packet[2:].split(b"\0")[0].decode())
            self.content = self.contents(self.names[-1])
            if self.oack is not None:
                return self.send(self.oack, peer)
            self.send_window(1, peer)
        elif packet[:2] == b"\0\4":
            self.send_window(struct.unpack(">H", packet[2:4])[0] + 1, peer)

    def block(self, number):
        return data(number, self.content[(number - 1) * self.blksize:number * self.blksize])

    def last(self):
        return len(self.content) // self.blksize + 1

    def send_window(self, first, peer):
        for number in range(first, min(first + self.window, self.last() + 1)):
            self.send(self.block(number), peer)

    def send(self, packet, peer):
        self.socket.sendto(packet, peer)


class Http:
    """A server on TCP: `serve(connection, nth)` has each connection, `answer` is what a request gets."""

    def __init__(self, answer=None, serve=None):
        self.answer = answer
        self.serve_one = serve or self.answer_requests
        self.listener = socket.create_server((LOOPBACK, 0), backlog=256)
        self.listener.settimeout(0.05)
        self.port = self.listener.getsockname()[1]
        self.connections, self.paths, self.over = 0, [], False
        self.thread = threading.Thread(target=self.serve)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over = True
        self.thread.join()
        self.listener.close()

    def serve(self):
        threads = []
        while not self.over:
            with contextlib.suppress(socket.timeout):
                connection, _ = self.listener.accept()
                self.connections += 1
                threads.append(threading.Thread(target=self.serve_and_close, args=(connection, self.connections)))
                threads[-1].start()
        for thread in threads:
            thread.join()

    def serve_and_close(self, connection, nth):
        connection.settimeout(0.05)
        with connection, contextlib.suppress(ConnectionError):
            self.serve_one(connection, nth)

    def requests(self, connection):
        """The paths of a connection's requests, until it ends."""
        waiting = b""
        while not self.over:
            while b"\r\n\r\n" in waiting:
                head, waiting = waiting.split(b"\r\n\r\n", 1)
                self.paths.append(head.split(b" ")[1].decode())
                yield self.paths[-1]
            with contextlib.suppress(socket.timeout):
                part = connection.recv(65536)
                if not part:
                    return
                waiting += part

    def answer_requests(self, connection, nth):
        for number, path in enumerate(self.requests(connection), 1):
            answer = self.answer(path, number) if callable(self.answer) else self.answer
            connection.sendall(answer)
            if b"close" in answer.split(b"\r\n\r\n")[0]:
                return


def response(body, status="200 OK", **headers):
    headers.setdefault("Content_Length", len(body))
    lines = [f"HTTP/1.1 {status}"] + [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


class Running:
    """anchorload under way until it is told to end: how long anything takes is not known."""

    def __init__(self, protocol, *flags):
        self.args = [str(a) for a in (program("anchorload"), protocol, "--host", LOOPBACK, "--seconds", 86400, "--json",
                                      *flags)]

    def __enter__(self):
        self.process = subprocess.Popen(self.args, stdout=subprocess.PIPE, env=environment())
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def end(self):
        """Its exit code and its report."""
        self.process.send_signal(signal.SIGINT)
        out, _ = self.process.communicate(timeout=harness.BOUND)
        return self.process.returncode, json.loads(out)


def refused_again(times=1):
    """Waits until somebody has asked so often more at a port where nobody listens."""
    before = network.refusals()
    wait_for(lambda: network.refusals() >= before + times, f"{times} times refused")


class Load(harness.Case):
    def load(self, protocol, port, *flags, code=0, host=LOOPBACK):
        """The report of one run, whose exit code is looked at too. It waits for answers as long as we do, unless told
        otherwise; by TFTP that would be an option of the request."""
        if protocol != "tftp" and "--timeout" not in flags:
            flags += ("--timeout", harness.BOUND)
        result = run(program("anchorload"), protocol, "--host", host, "--port", port, "--json", *flags)
        self.assertEqual(result.returncode, code, result.stderr.decode() + result.stdout.decode())
        self.assertEqual(result.stderr, b"")
        return json.loads(result.stdout)

    def errors(self, report, **expected):
        """That there are errors of these kinds, so many or (True) at least one, and of no others."""
        for kind, count in report["errors"].items():
            wanted = expected.get(kind, 0)
            if wanted is True:
                self.assertGreater(count, 0, report)
            else:
                self.assertEqual(count, wanted, report)
        self.assertEqual(set(report["error_examples"]), set(expected), report)
        self.assertEqual(report["failed"], sum(report["errors"].values()))

    def refused(self, *args):
        result = run(program("anchorload"), *args)
        self.assertEqual(result.returncode, 2, result.stdout)
        self.assertEqual(result.stdout, b"")
        self.assertEqual(len(result.stderr.decode().strip().splitlines()), 1)
        return result.stderr.decode()


class CommandLine(Load):
    def test_only_loopback_unless_allowed(self):
        for host in ("192.0.2.1", "2001:db8::1", "0.0.0.0", "::"):
            for protocol in ("tftp", "http"):
                said = self.refused(protocol, "--host", host, "--file", "x", "--count", "1")
                self.assertIn(host, said)
                self.assertIn("--allow-remote", said)
        with Http(response(b"hello")) as server:
            report = self.load("http", server.port, "--file", "x", "--count", 3, "--allow-remote", host="0.0.0.0")
            self.assertEqual(report["completed"], 3)

    def test_mistakes(self):
        common = ("tftp", "--host", LOOPBACK)
        for flags in (("--file", "a{00..FFF}"), ("--file", "a{0F..00}"), ("--file", "a{00..0G}"), ("--file", "a{00..01"),
                      ("--file", "a{00..01}{00..01}"), ("--file", "a{000000000000..FFFFFFFFFFFF}"), ("--file", ""),
                      ("--file", "x" * 256), (), ("--file", "x", "--connections", "0"),
                      ("--file", "x", "--connections", "2", "--threads", "3"), ("--file", "x", "--blksize", "7"),
                      ("--file", "x", "--loss", "100"), ("--file", "x", "--tries", "0"), ("--file", "x", "--mode", "mail"),
                      ("--file", "x", "--seconds", "-1"), ("--file", "x", "--nonsense")):
            self.refused(*common, *flags)
        self.refused("tftp", "--host", "localhost", "--file", "x")
        self.refused("http", "--host", LOOPBACK, "--file", "x", "--tls-cert", "y")
        self.refused()

    def test_what_is_missing_here(self):
        for flags, words in ((("--check", self.folder / "none"), "none"), (("--pid", "4194304"), "process")):
            result = run(program("anchorload"), "tftp", "--host", LOOPBACK, "--file", "x", "--count", "1", *flags)
            self.assertEqual(result.returncode, 1)
            self.assertIn(words, result.stderr.decode())

    def test_reports(self):
        with Tftp(b"y" * 1000) as server:
            out = self.folder / "report.json"
            flags = ("--file", "x", "--count", 5, "--connections", 2, "--pid", os.getpid())
            printed = self.load("tftp", server.port, *flags, "--out", out)
            self.assertEqual(json.loads(out.read_text()), printed)
            self.assertEqual((printed["completed"], printed["bytes"], printed["failed"]), (5, 5000, 0))
            self.assertEqual(printed["tftp"], {"negotiated_blksize": 512, "negotiated_windowsize": 1, "retransmitted_requests": 0})
            self.assertEqual(set(printed["latency_us"]), {"p50", "p90", "p99", "p999", "max", "mean"})
            self.assertGreaterEqual(printed["latency_us"]["max"], printed["latency_us"]["p50"])
            self.assertIsNotNone(printed["server_cpu_us_each"])
            text = run(program("anchorload"), "tftp", "--host", LOOPBACK, "--port", server.port, *flags)
            self.assertIn("5 transfers", text.stdout.decode())
            self.assertIn("no errors", text.stdout.decode())
            self.assertEqual(text.stderr, b"")  # the live line is for terminals


class DeadServers(Load):
    def test_nobody_listens(self):
        for protocol, kind in (("tftp", socket.SOCK_DGRAM), ("http", socket.SOCK_STREAM)):
            for flags, code in (((), 0), (("--fail-on-error",), 1)):
                report = self.load(protocol, unused_port(kind), "--file", "x", "--connections", 3, "--seconds", 0.5, *flags,
                                   code=code)
                self.errors(report, refused=True)
                self.assertEqual(report["completed"], 0)
                self.assertIn("nobody listens", report["error_examples"]["refused"])
        report = self.load("tftp", unused_port(socket.SOCK_DGRAM), "--file", "x", "--count", 7, host="::1")
        self.errors(report, refused=7)

    def test_silence(self):
        with Tftp() as server:
            server.on_packet = lambda *_: None
            report = self.load("tftp", server.port, "--file", "x", "--connections", 3, "--count", 3)
            self.errors(report, timeout=3)
            wait_for(lambda: len(server.packets) == 15, "each request five times")
            report = self.load("tftp", server.port, "--file", "x", "--connections", 3, "--seconds", 0.2, "--fail-on-error",
                               code=1)
            self.errors(report, unfinished=3)
        with Http(serve=lambda connection, _: wait_for(lambda: server.over, "the end")) as server:
            report = self.load("http", server.port, "--file", "x", "--connections", 3, "--count", 3, "--timeout", 0.3)
            self.errors(report, timeout=3)

    def test_it_falls_silent_in_the_middle(self):
        with Tftp(b"y" * 2000) as server:
            server.send = lambda packet, peer: packet[3] < 3 and server.socket.sendto(packet, peer)
            report = self.load("tftp", server.port, "--file", "x", "--count", 1, "--timeout", LONG_PACKET)
            self.errors(report, timeout=1)
            self.assertIn("block 3", report["error_examples"]["timeout"])
            wait_for(lambda: server.acknowledged() == [1, 2, 2, 2, 2, 2], "five times the second")

    def test_another_protocol(self):
        with Tftp() as server:
            server.on_packet = lambda packet, peer: server.send(packet, peer)  # an echo
            self.errors(self.load("tftp", server.port, "--file", "x", "--count", 4, code=1), protocol=4)
            server.on_packet = lambda packet, peer: server.send(b"\xff" * 60, peer)
            self.errors(self.load("tftp", server.port, "--file", "x", "--count", 4, code=1), protocol=4)

        def banner(connection, _):
            connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")
            wait_for(lambda: server.over, "the end")

        with Http(serve=banner) as server:
            report = self.load("http", server.port, "--file", "x", "--count", 3, code=1)
            self.errors(report, protocol=3)
            report = self.load("http", server.port, "--file", "x", "--count", 3, "--tls", code=1)
            self.errors(report, protocol=3)
            self.assertIn("TLS", report["error_examples"]["protocol"])

    def test_it_goes_away(self):
        """anchord, killed while it is asked: the run ends, and says what became of the rest."""
        for protocol in ("tftp", "http"):
            with Service(self.state) as service:
                port = (service.tftp if protocol == "tftp" else service.http)[0][1]
                with Running(protocol, "--port", port, "--file", "ITLFile.tlv", "--connections", 8,
                             "--fail-on-error") as asking:
                    # What the service has answered last may not have arrived.
                    wait_for(lambda: service.counters()[f"{protocol}_completed"] > 16, "the first answers")
                    service.kill()
                    refused_again(8)
                    code, report = asking.end()
                self.assertEqual(code, 1)
                self.assertGreater(report["completed"], 8)
                self.assertGreater(report["errors"]["refused"], 0, report)
                self.assertEqual(report["errors"]["content"] + report["errors"]["protocol"], 0, report)


class TftpMistakes(Load):
    def one(self, server, *flags, code=0):
        return self.load("tftp", server.port, "--file", "x", "--count", 1, *flags, code=code)

    def test_refusals(self):
        for packet, kind in ((b"\0\5\0\1no such file\0", "not_found"), (b"\0\5\0\0busy\x1b[2J\0", "server")):
            with Tftp(oack=packet) as server:
                report = self.one(server, "--fail-on-error", code=1)
                self.errors(report, **{kind: 1})
                self.assertNotIn("\x1b", report["error_examples"][kind])

    def test_options_that_nobody_asked_for(self):
        asked = ("--blksize", 1000, "--windowsize", 4, "--timeout", 3)
        for answer, flags in ((oack(blksize=1001), asked), (oack(windowsize=5), asked), (oack(timeout=2), asked),
                              (oack(tsize=5), asked), (oack(blksize=7), asked), (oack(blksize="x"), asked),
                              (oack(windowsize=2), ("--blksize", 1000)), (oack(blksize=512), ())):
            with Tftp(b"y" * 700, oack=answer) as server:
                self.errors(self.one(server, *flags, code=1), protocol=1)
                if b"\0x\0" not in answer and b"\x007\0" not in answer:  # well-formed, so it is told
                    wait_for(lambda: server.errors() == [8], "error 8")

    def test_options_that_it_may_choose(self):
        for answer, blksize, window in ((oack(blksize=900, windowsize=2), 900, 2), (oack(windowsize=4), 512, 4),
                                        (oack(BLKSIZE=1000, tsize=5000), 1000, 1), (oack(), 512, 1), (None, 512, 1)):
            with Tftp(b"y" * 5000, answer, blksize, window) as server:
                report = self.one(server, "--blksize", 1000, "--windowsize", 4, "--tsize")
                self.assertEqual((report["tftp"]["negotiated_blksize"], report["tftp"]["negotiated_windowsize"]), (blksize, window))
                self.assertEqual(report["completed"], 1)

    def test_the_size_that_was_announced(self):
        with Tftp(b"y" * 1000, oack(tsize=1001)) as server:
            self.errors(self.one(server, "--tsize", code=1), content=1)

    def test_blocks_that_are_too_large(self):
        with Tftp(b"y" * 600, blksize=600) as server:
            self.errors(self.one(server, code=1), protocol=1)
        with Tftp(b"y" * 30000, blksize=30000) as server:
            self.errors(self.one(server, code=1), protocol=1)

    def test_wrong_bytes(self):
        content = iter([b"y" * 3000, b"y" * 2999 + b"z", b"y" * 2999, b"y" * 3001, b"", b"y" * 3000])
        with Tftp(lambda _: next(content)) as server:
            report = self.load("tftp", server.port, "--file", "x", "--count", 6, code=1)
            self.errors(report, content=4)
            self.assertEqual(report["completed"], 2)
            self.assertIn("offset 2999", report["error_examples"]["content"])

    def test_files_are_asked_for_in_turn_and_told_apart(self):
        with Tftp(lambda name: name.encode() * 200) as server:
            self.load("tftp", server.port, "--file", "SEP{0000FE..000101}.cnf.xml", "--file", "plain", "--count", 10)
            self.assertEqual(server.names, ["SEP0000FE.cnf.xml", "SEP0000FF.cnf.xml", "SEP000100.cnf.xml",
                                            "SEP000101.cnf.xml", "plain"] * 2)

    def test_the_local_files(self):
        (self.folder / "x").write_bytes(b"y" * 1000)
        with Tftp(b"y" * 1000) as server:
            self.load("tftp", server.port, "--file", "x", "--count", 3, "--check", self.folder)
        with Tftp(b"y" * 1001) as server:
            report = self.load("tftp", server.port, "--file", "x", "--count", 3, "--check", self.folder, code=1)
            self.errors(report, content=3)
            self.assertIn("local file", report["error_examples"]["content"])

    def test_netascii(self):
        (self.folder / "x").write_bytes(b"one\ntwo\rthree\n" * 100)
        sent = b"one\r\ntwo\r\0three\r\n" * 100
        with Tftp(sent, oack(blksize=8), blksize=8) as server:  # ends of lines fall between blocks
            flags = ("--mode", "netascii", "--blksize", 8, "--check", self.folder)
            self.assertEqual(self.one(server, *flags)["completed"], 1)
        for wrong, kind in ((b"one\rtwo", "protocol"), (b"one\r", "content")):
            with Tftp(wrong) as server:
                self.errors(self.one(server, "--mode", "netascii", code=1), **{kind: 1})

    def test_blocks_beyond_65535(self):
        with Tftp(bytes(range(256)) * 4100, oack(blksize=8, windowsize=64), blksize=8, window=64) as server:
            send_window, rounds = server.send_window, [0, 0]

            def wrapped(first, peer):
                # An acknowledgement's number says less than the block it means.
                if first - 1 < rounds[1]:
                    rounds[0] += 65536
                rounds[1] = first - 1
                send_window(first + rounds[0], peer)

            server.send_window = wrapped
            report = self.one(server, "--blksize", 8, "--windowsize", 64)
            self.assertEqual((report["completed"], report["bytes"]), (1, 256 * 4100))


class TftpRecovery(Load):
    """What is lost, doubled or strange on the way: the acknowledgements are those of RFC 1350 and 7440."""

    def fetch(self, server, timeout=255):
        # Whatever is asked for again has a reason, and that is not time.
        report = self.load("tftp", server.port, "--file", "x", "--count", 1, "--windowsize", server.window, "--timeout",
                           timeout)
        self.assertEqual((report["completed"], report["failed"]), (1, 0))
        wait_for(lambda: server.last() in server.acknowledged(), "the last acknowledgement")
        return server.acknowledged()

    def server(self, window=4, blocks=10):
        content = os.urandom(512 * (blocks - 1) + 100)
        return Tftp(content, oack(windowsize=window), window=window)

    def test_a_window_is_acknowledged_once(self):
        with self.server() as server:
            self.assertEqual(self.fetch(server), [0, 4, 8, 10])

    def test_a_gap_is_told_once_and_the_window_begins_there(self):
        with self.server() as server:
            lost = [6]

            def send(packet, peer):
                if packet[1] == 3 and packet[3] in lost:
                    return lost.remove(packet[3])
                server.socket.sendto(packet, peer)

            server.send = send
            self.assertEqual(self.fetch(server), [0, 4, 5, 9, 10])

    def test_the_end_of_a_window_that_is_lost_is_asked_for(self):
        with self.server() as server:
            lost = [4, 8]

            def send(packet, peer):
                if packet[1] == 3 and packet[3] in lost:
                    return lost.remove(packet[3])
                server.socket.sendto(packet, peer)

            server.send = send
            # Block 4 after a time-out; 8 begins a window and is told by the one behind it.
            self.assertEqual(self.fetch(server, LONG_PACKET), [0, 3, 7, 7, 10])

    def test_echoes_are_not_answered(self):
        with self.server() as server:
            def send(packet, peer):
                server.socket.sendto(packet, peer)
                server.socket.sendto(packet, peer)

            server.send = send
            # Only the end of a window is acknowledged again when it comes again. A server must
            # not be moved by that, and this one is not.
            heard = []

            def on_ack(first, peer):
                if first not in heard:
                    heard.append(first)
                    for number in range(first, min(first + 4, server.last() + 1)):
                        server.send(server.block(number), peer)

            server.send_window = on_ack
            acknowledged = self.fetch(server)
            self.assertEqual(sorted(set(acknowledged)), [0, 4, 8, 10])
            self.assertLessEqual(max(acknowledged.count(n) for n in (4, 8, 10)), 2)

    def test_an_unknown_tid_gets_an_error(self):
        with self.server(window=1) as server, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other_tid:
            other_tid.bind((LOOPBACK, 0))
            other_tid.settimeout(harness.BOUND)

            def send(packet, peer):
                if packet[:4] == b"\0\3\0\3":
                    other_tid.sendto(data(3, b"wrong"), peer)
                    self.assertEqual(other_tid.recv(100)[:4], b"\0\5\0\5")
                    other_tid.sendto(b"\0\5\0\0go away\0", peer)
                server.socket.sendto(packet, peer)

            server.send = send
            self.assertEqual(self.fetch(server), list(range(11)))

    def test_loss(self):
        content = os.urandom(40_000)
        (self.state / "provisioning/ring.bin").write_bytes(content)
        (self.folder / "ring.bin").write_bytes(content)
        with Service(self.state) as service:
            # The service waits 1, 2, 4 and 8 s for an acknowledgement. A client that gives up after 5 s fails when
            # three packets in a row are lost, which chance does to one of a hundred such runs.
            for flags in ((), ("--windowsize", 8, "--blksize", 1000)):
                report = self.load("tftp", service.tftp[0][1], "--file", "ring.bin", "--check", self.folder, "--count", 20,
                                   "--connections", 20, "--loss", 2, "--tries", 30, "--tsize", *flags)
                self.assertEqual((report["completed"], report["failed"]), (20, 0), report)
            # The server had to repeat: packets were dropped indeed.
            self.assertGreater(service.counters()["tftp_retransmits"], 0)

    def test_tries(self):
        """Each packet is sent so often, and the read fails then."""
        for tries in (1, 3):
            with Tftp() as server:
                server.on_packet = lambda packet, peer: None
                report = self.load("tftp", server.port, "--file", "x", "--count", 1, "--tries", tries)
            self.assertEqual((report["completed"], report["failed"]), (0, 1))
            self.assertEqual([packet[:2] for packet in server.packets], [b"\0\1"] * tries)

    def test_what_comes_late_is_not_taken_for_the_next_read(self):
        """With losses packets are repeated, and may come when the client reads another file."""
        contents = {"a": b"a" * 100, "b": b"b" * 100}
        with Tftp(lambda name: contents[name]) as server:
            peers = []

            def on_packet(packet, peer):
                if packet[:2] == b"\0\1":
                    late = server.content
                    if peers:
                        server.send(data(1, late), peers[-1])
                    peers.append(peer)
                Tftp.on_packet(server, packet, peer)

            server.on_packet = on_packet
            for name, content in contents.items():
                (self.folder / name).write_bytes(content)
            report = self.load("tftp", server.port, "--file", "a", "--file", "b", "--check", self.folder, "--count", 8,
                               "--connections", 1, "--loss", 0.000001)
            self.assertEqual((report["completed"], report["failed"]), (8, 0))
            self.assertTrue(all(one != next for one, next in zip(peers, peers[1:])), peers)


class HttpMistakes(Load):
    def answers(self, *answers, code=0, flags=()):
        """The report when these are the answers, in turn."""
        given = iter(answers)
        with Http(lambda *_: next(given)) as server:
            return self.load("http", server.port, "--file", "x", "--count", len(answers), *flags, code=code)

    def test_good_ones(self):
        report = self.answers(*[response(b"hello", ETag='"1"')] * 5)
        self.assertEqual((report["completed"], report["bytes"], report["http"]["connections_opened"]), (5, 25, 1))

    def test_a_new_connection_where_the_server_wants_it(self):
        for answer in (response(b"hello", Connection="close"),
                       b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello"):
            report = self.answers(*[answer] * 4)
            self.assertEqual((report["completed"], report["failed"]), (4, 0))
            self.assertEqual(report["http"]["connections_opened"], 4)

    def test_what_was_asked_behind_the_last_answer_is_asked_again(self):
        with Http(response(b"hello", Connection="close")) as server:
            report = self.load("http", server.port, "--file", "x", "--count", 12, "--depth", 4)
            self.assertEqual((report["completed"], report["failed"]), (12, 0))

    def test_statuses(self):
        report = self.answers(response(b"", "404 Not Found"), response(b"busy", "503 Service Unavailable"),
                              response(b"hello"), code=1, flags=("--fail-on-error",))
        self.errors(report, not_found=1, server=1)
        self.assertEqual(report["completed"], 1)

    def test_wrong_content(self):
        first = response(b"hello", ETag='"1"')
        for second in (response(b"hellO", ETag='"1"'), response(b"hell", ETag='"1"'), response(b"hello!", ETag='"1"'),
                       response(b"hello", ETag='"2"'), response(b"hello")):
            self.errors(self.answers(first, second, first, code=1), content=1)

    def test_broken_answers(self):
        for wrong in (b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
                      b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
                      b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                      b"HTTP/2 200 OK\r\nContent-Length: 0\r\n\r\n", b"HTTP/1.1 xyz\r\nContent-Length: 0\r\n\r\n",
                      b"HTTP/1.1 200 OK\r\nno colon\r\nContent-Length: 0\r\n\r\n",
                      b"HTTP/1.1 200 OK\r\nX: " + b"y" * 20000 + b"\r\n\r\n"):
            self.errors(self.answers(wrong, code=1), protocol=1)

    def test_bytes_behind_an_answer(self):
        with Http(response(b"hello", Content_Length=4)) as server:
            self.errors(self.load("http", server.port, "--file", "x", "--count", 1, code=1), protocol=1)

    def test_an_answer_that_is_cut_off(self):
        self.errors(self.answers(response(b"hell", Content_Length=5, Connection="close"), code=0), closed=1)

    def test_answers_in_pieces(self):
        answer = response(b"hello", ETag='"1"')

        def slowly(connection, _):
            for _ in server.requests(connection):
                for i in range(len(answer)):
                    connection.sendall(answer[i:i + 1])

        with Http(serve=slowly) as server:
            report = self.load("http", server.port, "--file", "x", "--count", 20, "--depth", 5)
            self.assertEqual((report["completed"], report["failed"]), (20, 0))

    def test_names_are_encoded(self):
        with Http(response(b"hello")) as server:
            self.load("http", server.port, "--file", "New Zealand/g3%.xml", "--count", 1)
            self.assertEqual(server.paths, ["/New%20Zealand/g3%25.xml"])


class GoodServer(Load):
    """anchord itself, by every protocol at once: the same bytes, with signatures in front or not."""

    def setUp(self):
        super().setUp()
        folder = self.state / "provisioning"
        for number in range(0x20):
            (folder / f"SEP0000000000{number:02X}.cnf.xml").write_text(f"<device><n>{number}</n></device>\n")
        (folder / "large.bin").write_bytes(os.urandom(300_000))
        self.files = folder

    def test_all_files(self):
        names = ("--file", "SEP{000000000000..00000000001F}.cnf.xml.sgn", "--file", "SEP{000000000000..00000000001F}.cnf.xml",
                 "--file", "large.bin", "--check", self.files, "--count", 300, "--connections", 16, "--threads", 2)
        with Service(self.state) as service:
            for protocol, port, flags in (("tftp", service.tftp[0][1], ()),
                                          ("tftp", service.tftp[0][1], ("--windowsize", 16, "--blksize", 1428, "--tsize")),
                                          ("http", service.http[0][1], ("--depth", 4))):
                report = self.load(protocol, port, *names, *flags, "--fail-on-error", "--pid", service.process.pid)
                self.assertEqual((report["completed"], report["failed"]), (300, 0))

    def test_https(self):
        with Service(self.state) as service:
            flags = ("--file", "large.bin", "--check", self.files, "--count", 20, "--connections", 4, "--tls")
            self.load("http", service.https[0][1], *flags, "--fail-on-error")
            report = self.load("http", service.https[0][1], *flags, "--tls-cert", self.own_certificate("tvs"), code=1)
            self.errors(report, protocol=True)
            self.assertEqual(report["completed"], 0)


class Rate(Load):
    def test_latency_counts_from_when_a_request_was_due(self):
        """One stall of a second: all that were due in it have waited, though they were not sent."""
        stalled = []

        def answer(*_):
            if not stalled:
                stalled.append(time.sleep(1))
            return response(b"hello")

        with Http(answer) as server:
            report = self.load("http", server.port, "--file", "x", "--count", 100, "--rate", 100)
            self.assertEqual(report["completed"], 100)
            self.assertGreater(report["latency_us"]["p50"], 100_000)

    def test_more_are_due_than_begin_at_once(self):
        with Tftp() as server:
            report = self.load("tftp", server.port, "--file", "x", "--rate", 1e6, "--count", 300, "--connections", 300)
            self.assertEqual(report["completed"], 300)
            self.assertEqual(report["unstarted"], 0)
            server.on_packet = lambda *_: None
            report = self.load("tftp", server.port, "--file", "x", "--rate", 1e6, "--seconds", 0.2, "--connections", 300)
            self.errors(report, unfinished=300)
            self.assertGreater(report["unstarted"], 100)

    def test_what_never_began_is_said(self):
        with Tftp() as server:
            server.on_packet = lambda *_: None
            report = self.load("tftp", server.port, "--file", "x", "--rate", 1000, "--seconds", 0.5, "--connections", 2)
            self.errors(report, unfinished=2)
            self.assertGreater(report["unstarted"], 100)
