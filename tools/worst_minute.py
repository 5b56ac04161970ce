"""What tools/measure-floors measures besides the comparisons: a thousand clients at once, publishing, overload, and
connections that are idle.

anchord has one shard, on the first core; the client has the last one. Only for processes of this machine."""

import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import sqlite3
import statistics
import subprocess
import threading
import time

import comparison
from comparison import CORES, fail, run

CLIENTS = 1000  # that begin at once
STANDSTILL = 0.5  # seconds of the server: less than clients wait before they repeat a request
SMALL, MEDIUM = "2048.bin", "12288.bin"  # their sizes in bytes
CERTIFICATES = 100_000
SERIAL = 0x5a << 120  # of the first of them
PUBLISHED = 10  # times a second
LOOKUPS, ASKING = 20_000, 64  # a second, on so many connections: far from what a shard can do
OVERLOAD = 10  # times what it can do
OVERLOADING = 18_000  # clients: as many as a process may have sockets where Linux is as it comes
TIMEOUT = 5  # seconds for which a client waits; less, where so many clients would not offer so much
IDLE = 4000  # connections
LOST = ("ListenOverflows", "ListenDrops", "TCPReqQFullDrop", "TCPBacklogDrop", "TCPSynRetrans")


def tcp_losses():
    """The kernel's counters of connections and segments that found no room, and of SYNs sent again."""
    names, values = (line.split() for line in open("/proc/net/netstat") if line.startswith("TcpExt:"))
    return {name: int(value) for name, value in zip(names, values) if name in LOST}


def udp_drops(pid):
    """Datagrams that the sockets of a process had no room for."""
    inodes = {os.readlink(link) for link in pathlib.Path(f"/proc/{pid}/fd").iterdir()}
    rows = [line.split() for table in ("udp", "udp6") for line in open(f"/proc/net/{table}")]
    return sum(int(row[-1]) for row in rows if f"socket:[{row[9]}]" in inodes)


def resident(pid):
    """Bytes."""
    text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(re.search(r"^Rss: +(\d+) kB$", text, re.MULTILINE)[1]) * 1024


def make_certificates(folder, count):
    """In a database as the open tvsd has it. They differ in their serial number, and nobody looks at signatures."""
    pem, der, database = folder / "one.pem", folder / "one.der", folder / "tvsd.sqlite3"
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", 30,
        "-subj", "/CN=phone.example.com", "-set_serial", SERIAL, "-keyout", folder / "one.key", "-out", pem)
    run("openssl", "x509", "-in", pem, "-outform", "DER", "-out", der)
    before, after = der.read_bytes().split(SERIAL.to_bytes(16, "big"))
    with contextlib.closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("CREATE TABLE certificates (certificate BLOB, roles TEXT)")
        connection.executemany("INSERT INTO certificates VALUES (?, 'APP-SERVER')",
                               ((before + (SERIAL + i).to_bytes(16, "big") + after,) for i in range(count)))
    return pem, database


def ask_control(state, kind):
    """A running anchord, as anchorctl does (docs/formats.md, 'Control socket')."""
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(state / "control.sock"))
        request = {"protocol": 1, "anchord": "tools/worst_minute.py", "request": kind, "body": {}}
        client.sendall(json.dumps(request).encode() + b"\n")
        answer = json.loads(b"".join(iter(lambda: client.recv(65536), b"")))
    if answer["answer"] != kind:
        raise RuntimeError(f"anchord answers '{kind}' with {answer}")
    return answer["body"]


def status(state):
    return ask_control(state, "status")


class Publishing(threading.Thread):
    """Makes changes until it is stopped, each when it is due or, where the service is late, at once."""

    def __init__(self, state, change):
        super().__init__()
        self.state, self.change, self.over = state, change, threading.Event()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.join()

    def run(self):
        due = time.monotonic()
        number = 0
        while not self.over.wait(max(0, due - time.monotonic())):
            number += 1
            self.change(self.state, number)
            due += 1 / PUBLISHED


def write_certificate(state, number):
    """A TTL, as anchorctl would: it looks at the whole store first, which takes longer than a tenth of a second."""
    with contextlib.closing(sqlite3.connect(state / "anchord.db", timeout=10)) as store, store:
        store.execute("UPDATE certificates SET ttl = ? WHERE rowid = ?", (3600 + number, 1 + number % CERTIFICATES))
        store.execute("UPDATE cluster SET change_counter = change_counter + 1")


def change_certificate(state, number):
    write_certificate(state, number)
    ask_control(state, "changed")


def change_file(state, number):
    (state / "provisioning" / "changing.txt").write_text(f"{number}\n")


def leave_first_core_to_shards(server):
    """Whatever else the service does, and whoever changes something, shares the client's core."""
    for thread in pathlib.Path(f"/proc/{server.process.pid}/task").iterdir():
        if not (thread / "comm").read_text().startswith("shard-"):
            os.sched_setaffinity(int(thread.name), {CORES[-1]})
    os.sched_setaffinity(0, {CORES[-1]})


class WorstMinute(comparison.Comparison):
    def prepare(self):
        self.state = self.folder / "state"
        self.make_cluster(self.state)
        for name in (SMALL, MEDIUM):
            (self.state / "provisioning" / name).write_bytes(os.urandom(int(name.split(".")[0])))
        self.question = self.own_certificate(self.state)

    def own_certificate(self, state):
        file = state / "tvs.pem"
        file.write_text(run(self.app("anchorctl"), "--state", state, "cert", "export", "tvs"))
        return file

    def anchord(self, service, *flags, state=None, cores=None):
        return self.start_anchord(state or self.state, service, "--shards", 1, "--drain-timeout", 100, *flags,
                                  cores=cores)

    def load(self, server, service, *flags, how=()):
        return json.loads(comparison.on_client_core(*how, self.app("anchorload"), service, *server.flags(), "--json",
                                                    *flags))

    def begin(self, server, service, *flags):
        """As load(), but goes on at once."""
        return subprocess.Popen(comparison.words([self.app("anchorload"), service, *server.flags(), "--json", *flags]),
                                stdout=subprocess.PIPE, text=True, preexec_fn=comparison.on_cores({CORES[-1]}))

    def at_once(self, service):
        """What was lost in all rounds together, by name, and milliseconds within which the clients began.

        The server stands still meanwhile, so that all of them wait in its sockets, however fast the client is."""
        what = {"tftp": ["--file", SMALL], "http": ["--file", MEDIUM],
                "tvs": ["--cert", self.question, "--expect", "known"]}[service]
        lost, within = dict.fromkeys(("datagrams dropped", "requests repeated", "failed", *LOST), 0), []
        for _ in range(self.options.rounds):
            with self.anchord(service) as server:
                before = tcp_losses()
                server.process.send_signal(signal.SIGSTOP)
                client = self.begin(server, service, *what, "--connections", CLIENTS, "--count", CLIENTS)
                time.sleep(STANDSTILL)
                server.process.send_signal(signal.SIGCONT)
                report = json.loads(client.communicate()[0])
                for name, value in tcp_losses().items():
                    lost[name] += value - before[name]
                lost["datagrams dropped"] += udp_drops(server.process.pid)
            lost["requests repeated"] += report[service].get("retransmitted_requests", 0)
            lost["failed"] += report["failed"]
            within.append(report["begun_within_us"] / 1000)
        return {name: value for name, value in lost.items() if value}, max(within)

    def published(self):
        """What lookups are like without publishing; while as much is written that nobody publishes; while certificates
        are published, and while files are: of each, what was seen in each round."""
        state = self.folder / "many"
        self.make_cluster(state)
        question, database = make_certificates(self.folder, CERTIFICATES)
        run(self.app("anchorctl"), "--state", state, "cert", "import", database)
        aside = self.folder / "aside"  # what is written there is not published, and disturbs the client as much
        shutil.copytree(state, aside)

        def look_up(server):
            """With the first right to the core that it shares with the publisher: that is not what is measured."""
            report = self.load(server, "tvs", "--cert", question, "--expect", "known", "--mode", "keepalive",
                               "--connections", ASKING, "--rate", LOOKUPS, "--warmup", 0.5, "--seconds",
                               self.options.seconds, how=["chrt", "--fifo", 1])
            return {"p99": report["latency_us"]["p99"], "failed": report["failed"]}

        def while_changing(server, change):
            with Publishing(state, change):
                before, began = status(state)["snapshot"], time.monotonic()
                found = look_up(server)
                after, ended = status(state)["snapshot"], time.monotonic()
            if after["problem"] or after["certificates"] < CERTIFICATES:
                fail(f"publishing: {after['problem']}")
            return {**found, "versions": (after["version"] - before["version"]) / (ended - began)}

        quiet, written, certificates, files = [], [], [], []
        with self.anchord("tvs", state=state, cores=set(CORES)) as server:
            leave_first_core_to_shards(server)
            look_up(server)  # it has just started
            for _ in range(3 * self.options.rounds):  # a machine's own hiccups make a p99
                quiet.append(look_up(server))
                with Publishing(aside, write_certificate):
                    written.append(look_up(server))
                certificates.append(while_changing(server, change_certificate))
                files.append(while_changing(server, change_file))
        return quiet, written, certificates, files

    def overloaded(self, key):
        """Answers a second at the peak, and while ten times as many connections are asked for by clients with this
        timeout; how many were begun."""
        state = self.folder / f"overload-{key}"
        self.make_cluster(state, "--key", key)
        certificate = self.own_certificate(state)

        def measure(server):
            def ask(*flags):
                return self.load(server, "tvs", "--cert", certificate, "--tls-version", "1.2", *flags)

            peak = ask("--connections", 64, "--warmup", 0.2, "--seconds", self.options.seconds)["rate"]
            offered = OVERLOAD * peak
            timeout = min(TIMEOUT, OVERLOADING / offered)
            report = ask("--connections", OVERLOADING, "--rate", offered, "--timeout", timeout, "--warmup", TIMEOUT,
                         "--seconds", 2 * self.options.seconds)
            begun = report["completed"] + report["completed_late"] + report["failed"]
            return {"peak": peak, "goodput": report["rate"], "begun": begun / (TIMEOUT + report["seconds"]),
                    "timeout": timeout, "client": report["client_cpu_seconds"] / report["seconds"]}

        reports = comparison.in_turns([lambda: self.anchord("tvs", state=state)], self.options.rounds, measure)
        return comparison.medians(reports["anchord"])

    def idle(self, version):
        """Bytes of memory for each connection that has asked one question."""
        flags = ["--cert", self.question, "--expect", "known", "--tls-version", version]
        with self.anchord("tvs") as server:
            self.load(server, "tvs", *flags, "--count", 1, "--fail-on-error")
            before = resident(server.process.pid)
            client = self.begin(server, "tvs", *flags, "--mode", "keepalive", "--connections", IDLE, "--rate", IDLE / 5,
                                "--seconds", 50)
            try:
                self.wait_for_answers(client)
                client.send_signal(signal.SIGSTOP)
                time.sleep(0.5)
                if status(self.state)["counters"]["tvs_open"] != IDLE:
                    fail("not all connections stayed open")
                return (resident(server.process.pid) - before) / IDLE
            finally:
                client.kill()
                client.wait()

    def wait_for_answers(self, client):
        while client.poll() is None:
            counters = status(self.state)["counters"]
            if counters["tvs_open"] == IDLE and counters["tvs_verify_valid"] > IDLE:
                return
            time.sleep(0.1)
        fail("the connections that were to be idle could not be made")
