"""Hosts that share their state by a real etcd: what is changed on one is in service on the others, whatever ends."""

import json
import os
import signal
import socket
import subprocess
import unittest

import harness
import network
from harness import BOUND, Service, program, run, tftp_get, wait_for

ETCD = "/usr/bin/etcd"
PASSPHRASE = "correct horse battery\n"
PHONE = "SEP001122334455"


class Etcd:
    """One member on loopback, which keeps what it had when it is started again."""

    def __init__(self, folder, name="m"):
        self.folder = folder / f"etcd-{name}"
        self.port, self.peer = (network.unused_port(socket.SOCK_STREAM) for _ in range(2))
        self.process = None

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def start(self):
        peer = f"http://127.0.0.1:{self.peer}"
        self.process = subprocess.Popen(
            [ETCD, "--name", "m", "--data-dir", self.folder, "--listen-client-urls", self.url, "--advertise-client-urls",
             self.url, "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", f"m={peer}",
             "--logger", "zap", "--log-level", "error"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(lambda: self.ctl("endpoint", "health").returncode == 0, "etcd serves")

    def ctl(self, *args):
        return run("/usr/bin/etcdctl", "--endpoints", self.url, *args)

    def kill(self):
        if self.process:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
        self.process = None

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)


@unittest.skipUnless(os.access(ETCD, os.X_OK), "Debian's etcd-server is not installed")
class Clusters(harness.Case):
    def setUp(self):
        super().setUp()
        self.etcd = Etcd(self.folder)
        self.addCleanup(self.etcd.kill)
        self.etcd.start()
        self.passphrase = self.folder / "passphrase"
        self.passphrase.write_text(PASSPHRASE)
        self.on("a", "init", "--name", "two", "--host", "a=127.0.0.1", "--host", "b=127.0.0.2")
        (self.dir("a") / "provisioning" / "XMLDefault.cnf.xml").write_text("<Default><x>1</x></Default>\n")
        self.on("a", "cluster", "init", "--engine", self.etcd.url, "--as", "a")

    def dir(self, host):
        return self.folder / f"state-{host}"

    def on(self, host, *args, code=0):
        result = run(program("anchorctl"), "--state", self.dir(host), *args)
        self.assertEqual(result.returncode, code, result.stderr.decode())
        return (result.stdout if code == 0 else result.stderr).decode()

    def join(self, host):
        ticket = self.folder / f"ticket-{host}"
        self.on("a", "cluster", "ticket", host, "--out", ticket, "--passphrase-file", self.passphrase)
        return self.on(host, "cluster", "join", ticket, "--passphrase-file", self.passphrase)

    def service(self, host):
        return Service(self.dir(host), listen=("127.0.0.1" if host == "a" else "127.0.0.2",))

    def phones(self, host):
        return {phone["name"] for phone in json.loads(self.on(host, "phone", "list", "--json"))["phones"]}

    def engine_of(self, service):
        return service.status()["engine"]

    def test_a_change_on_one_host_is_in_service_on_the_other(self):
        self.assertIn("is a member", self.join("b"))
        with self.service("a") as a, self.service("b") as b:
            self.assertEqual((a.status()["host"], b.status()["host"]), ("a", "b"))
            itl = tftp_get(a.tftp[0], b"ITLFile.tlv")[0]
            self.assertEqual(itl, tftp_get(b.tftp[0], b"ITLFile.tlv")[0])
            for host, other, name in (("a", b, PHONE), ("b", a, "SEP001122334456")):
                before = other.status()["snapshot"]["store_change"]
                self.on(host, "phone", "add", name)
                wait_for(lambda: other.status()["snapshot"]["store_change"] > before, "it is in service there")
            self.assertEqual(self.phones("a"), {PHONE, "SEP001122334456"})
            self.assertEqual(self.phones("b"), self.phones("a"))
            self.on("a", "cert", "add", self.certificate(), "--role", "app-server")
            wait_for(lambda: b.status()["snapshot"]["certificates"] == a.status()["snapshot"]["certificates"],
                     "the other vouches for it")
            self.assertEqual(self.engine_of(b)["problem"], "")
            # The list is the same bytes still.
            self.assertEqual(tftp_get(b.tftp[0], b"ITLFile.tlv")[0], itl)

    def certificate(self):
        key, certificate = self.folder / "new.key", self.folder / "new.pem"
        made = run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate,
                   "-subj", "/CN=new", "-days", "10")
        self.assertEqual(made.returncode, 0, made.stderr)
        return certificate

    def test_without_the_engine_all_serve_and_none_changes(self):
        self.join("b")
        with self.service("a") as a:
            itl = tftp_get(a.tftp[0], b"ITLFile.tlv")[0]
            self.etcd.kill()
            with self.service("b") as b:
                self.assertEqual(tftp_get(b.tftp[0], b"ITLFile.tlv")[0], itl)
                wait_for(lambda: self.engine_of(b)["problem"], "it says so")
                refused = self.on("b", "phone", "add", PHONE, code=1)
                self.assertIn("nothing can be changed in the cluster", refused)
                self.assertEqual(self.phones("b"), set())
                self.assertIn("are not taken over", self.warnings("b"))
                self.etcd.start()
                self.on("a", "phone", "add", PHONE)
                wait_for(lambda: self.phones("b") == {PHONE}, "the change comes when the engine is back")
                wait_for(lambda: not self.engine_of(b)["problem"], "all is well")

    def warnings(self, host):
        shown = run(program("anchorctl"), "--state", self.dir(host), "status", "--json")
        return "\n".join(json.loads(shown.stdout)["warnings"])

    def test_an_engine_that_hangs_loses_no_change_and_makes_none_twice(self):
        self.join("b")
        self.etcd.pause()
        self.addCleanup(lambda: self.etcd.process and self.etcd.resume())
        refused = self.on("a", "phone", "add", PHONE, code=1)
        self.assertIn("etcd", refused)
        self.etcd.resume()
        self.on("a", "phone", "add", PHONE)
        audit = json.loads(self.on("a", "audit", "--json"))["entries"]
        self.assertEqual(sum(f"put phone {PHONE}" in entry["what"] for entry in audit), 1)

    def test_two_who_change_at_the_same_time_are_both_told_the_truth(self):
        self.join("b")
        running = [(host, name, subprocess.Popen([program("anchorctl"), "--state", self.dir(host), "phone", "add", name],
                                                 stderr=subprocess.PIPE))
                   for i in range(5) for host, name in (("a", f"SEP0011223344{i}0"), ("b", f"SEP0011223344{i}1"))]
        made = set()
        for _, name, process in running:
            _, stderr = process.communicate(timeout=BOUND)
            if process.returncode == 0:
                made.add(name)
            else:
                self.assertRegex(stderr.decode(), "try again|busy")
        self.assertTrue(made)
        with self.service("a"), self.service("b"):
            wait_for(lambda: self.phones("a") == self.phones("b") == made, "both have what was told as made, and no other")

    def test_what_could_lock_phones_is_refused_while_another_host_counts(self):
        self.join("b")
        refused = self.on("a", "cert", "regenerate", "capf", "--hosts-agree", "--force", "--yes", code=1)
        self.assertIn("cluster leave", refused)
        self.on("b", "cluster", "leave", "--yes")
        self.on("a", "cert", "regenerate", "capf", "--hosts-agree")
        # It comes back with what is then, key and all.
        (self.folder / "state-b").rename(self.folder / "state-b-before")
        self.join("b")
        shown = [json.loads(self.on(host, "cert", "list", "--json"))["certificates"] for host in "ab"]
        self.assertEqual(*shown)
        with self.service("b") as b:
            self.assertTrue(tftp_get(b.tftp[0], b"ITLFile.tlv")[0])

    def test_nothing_in_the_engine_is_a_key_in_the_clear(self):
        everything = self.etcd.ctl("get", "", "--prefix").stdout
        self.assertIn(b"/s/key/", everything)
        self.assertNotIn(b"PRIVATE KEY", everything)
        self.assertIn(b'"name":"a"', everything)

    def test_wrong_orders(self):
        self.assertIn("already", self.on("a", "cluster", "init", "--engine", self.etcd.url, "--as", "b", code=1))
        self.assertIn("no host", self.on("a", "cluster", "ticket", "c", "--out", self.folder / "t", "--passphrase-file",
                                         self.passphrase, code=1))
        self.on("c", "init", "--name", "other", "--host", "c")
        self.assertIn("single machine", self.on("c", "cluster", "leave", "--yes", code=1))
        self.assertIn("no member", self.on("c", "cluster", "init", "--engine", "http://127.0.0.1:1", "--as", "c", code=1))
        self.assertFalse((self.dir("c") / "cluster").exists())
        self.on("c", "phone", "add", PHONE)

    def test_a_service_that_runs_becomes_a_member_and_a_single_machine_again(self):
        self.on("c", "init", "--name", "one", "--host", "c=127.0.0.1")
        with Service(self.dir("c")) as c:
            self.assertFalse(self.engine_of(c)["member"])
            self.on("c", "cluster", "init", "--engine", self.etcd.url, "--as", "c")
            wait_for(lambda: self.engine_of(c)["member"], "it follows the cluster")
            self.on("c", "phone", "add", PHONE)
            wait_for(lambda: self.engine_of(c)["change"] == 2, "its own change is one")
            self.on("c", "cluster", "leave", "--yes")
            wait_for(lambda: not self.engine_of(c)["member"], "it is single")
            self.on("c", "phone", "add", "SEP001122334456")


if __name__ == "__main__":
    harness.main()
