"""What anchord refuses at its start: one line that says what and what to do, exit 1 (2 for the command line),
and nothing changed. --explain has named it before."""

import errno
import hashlib
import json
import os
import random
import shutil
import signal
import socket
import sqlite3
import ssl
import stat
import tempfile
import unittest

import harness
from harness import CERTS, Service, client, der, is_valid, run, verify_request

IO_URING_SETUP = 425  # on every architecture


def picture(folder):
    """Every file with its mode and content, to find what has changed. SQLite's -shm holds locks, and no state."""
    return {str(p.relative_to(folder)): (stat.S_IMODE(p.lstat().st_mode), p.read_bytes() if p.is_file() else None)
            for p in sorted(folder.rglob("*")) if not p.name.endswith("-shm")}


class Refusals(harness.Case):
    PORTS = ("--listen", "127.0.0.1", "--tvs-port", "auto", "--tftp-port", "auto", "--http-port", "auto",
             "--https-port", "auto")

    def start(self, *flags, state=None, ports=PORTS, anchord=None, **how):
        return run(anchord or harness.program("anchord"), "--state", state or self.state, *ports, *flags, **how)

    def foreseen(self, *flags, says, state=None, ports=PORTS, anchord=None, **how):
        """--explain names it, as a start would."""
        asked = ("--state", state or self.state, *ports, *flags, "--explain", "--json")
        result = run(anchord or harness.program("anchord"), *asked, **how)
        self.assertEqual((result.returncode, result.stderr), (1, b""), result.stdout.decode())
        problems = json.loads(result.stdout)["problems"]
        self.assertTrue(any(all(words in problem for words in says) for problem in problems), (says, problems))

    def refused(self, *flags, says, code=1, may_change=(), foreseen=True, **how):
        before = picture(self.folder)
        says = [says] if isinstance(says, str) else says
        if code == 1 and foreseen:
            self.foreseen(*flags, says=says, **how)
        result = self.start(*flags, **how)
        error = result.stderr.decode()
        self.assertEqual(result.returncode, code, error)
        self.assertEqual(result.stdout, b"")
        lines = [line for line in error.splitlines() if not harness.LOG_LINE.match(line)]
        self.assertEqual(len(lines), 1, error)
        self.assertTrue(lines[0].startswith("anchord: "), error)
        self.assertTrue(error.endswith(lines[0] + "\n"), "the reason is the last that is said: " + error)
        for words in says:
            self.assertIn(words, lines[0])
        after = picture(self.folder)
        # The lock's file stays, for who removed it could remove another's; the journal is made before the first
        # phone is served.
        kept = ("service.lock", "/journal/", *may_change)
        changed = [name for name in {**before, **after} if before.get(name) != after.get(name)]
        self.assertEqual([name for name in changed if not any(part in name for part in kept)], [])
        return lines[0]

    def database(self, *statements, path=None):
        db = sqlite3.connect(path or self.state / "anchord.db", isolation_level=None)
        for statement in statements:
            db.execute(*([statement] if isinstance(statement, str) else statement))
        db.close()


class State(Refusals):
    def test_missing(self):
        self.refused(state=self.folder / "none", says=["none", "anchorctl init"])
        (self.folder / "empty").mkdir()
        self.refused(state=self.folder / "empty", says=["empty", "anchorctl init"])
        self.refused(state=self.state / "anchord.db", says="not a directory")

    def test_a_path_too_long_for_the_control_socket(self):
        deep = self.folder / ("d" * 110)
        shutil.copytree(self.state, deep)
        self.refused(state=deep, says="shorter")

    @unittest.skipIf(os.geteuid() != 0, "only root can become somebody who may not read")
    def test_unreadable(self):
        open_to_all = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, open_to_all)
        os.chmod(open_to_all, 0o755)
        anchord = shutil.copy(harness.program("anchord"), open_to_all)
        for folder in (harness.scratch(), self.folder):
            folder.chmod(0o755)
        self.addCleanup(harness.scratch().chmod, 0o700)
        self.refused(anchord=anchord, user=65534, group=65534, extra_groups=[],
                     says=[str(self.state), "run as the owner"])

    def test_not_a_database_of_ours(self):
        file = self.state / "anchord.db"
        for name, content in (("text", b"hello\n"), ("random", random.Random(1).randbytes(40000)), ("empty", b"")):
            with self.subTest(name):
                file.write_bytes(content)
                self.refused(says="anchord.db")
        file.unlink()
        self.database("CREATE TABLE t (x)")
        self.refused(says=["not a database of Anchord"])
        file.unlink()
        file.mkdir()
        self.refused(says="anchord.db")

    def test_a_newer_version(self):
        self.database("PRAGMA user_version = 99")
        self.refused(says=["newer", "99", "upgrade"])

    def test_damaged_pages(self):
        whole = (self.state / "anchord.db").read_bytes()
        seeded = random.Random(3)
        for page in range(1, len(whole) // 4096):
            with self.subTest(page=page):
                content = bytearray(whole)
                content[page * 4096:page * 4096 + 512] = seeded.randbytes(512)
                (self.state / "anchord.db").write_bytes(content)
                self.refused(says=["anchord.db", "damaged", "backup"], foreseen=page % 8 == 1)
        (self.state / "anchord.db").write_bytes(whole[:len(whole) // 2])
        self.refused(says=["anchord.db", "damaged"])

    def test_rows_that_are_wrong(self):
        whole = (self.state / "anchord.db").read_bytes()
        for name, statement, says in (
                ("no cluster", "DELETE FROM cluster", "damaged"),
                ("no hosts", "DELETE FROM hosts", "damaged"),
                ("no signer", "DELETE FROM identities WHERE service = 'tftp'", "damaged"),
                ("no table", "DROP TABLE hosts", "damaged"),
                ("own certificate", "UPDATE identities SET certificate = x'00' WHERE service = 'tvs'", "damaged"),
                ("other certificate", "UPDATE identities SET sha256 = substr(sha256, 2) || 'x'", "damaged"),
                ("key elsewhere", "UPDATE identities SET key_file = '../x' WHERE service = 'capf'", "damaged"),
                ("added certificate", ("INSERT INTO certificates VALUES (?, 'tvs', 1, ?, NULL, NULL)",
                                       ("0" * 64, b"garbage")),
                 "certificate 00000000"),
                ("roles", ("INSERT INTO certificates VALUES (?, 'boss', 1, ?, NULL, NULL)",
                           ("31b921c9".ljust(64, "0"), der("app-ec"))), "damaged")):
            with self.subTest(name):
                (self.state / "anchord.db").write_bytes(whole)
                self.database("PRAGMA foreign_keys = OFF", statement)
                self.refused(says=["anchord.db", says])

    def test_keys(self):
        key = next((self.state / "keys").glob("tvs-cucm1-*"))
        whole = key.read_bytes()
        other = next((self.state / "keys").glob("tvs-cucm2-*")).read_bytes()
        for name, content, says in (("another", other, "does not match"), ("garbage", b"hello", "damaged"),
                                    ("empty", b"", "damaged"), ("half", whole[:len(whole) // 2], "damaged"),
                                    ("certificate", (CERTS / "tvs.crt").read_bytes(), "damaged")):
            with self.subTest(name):
                key.write_bytes(content)
                said = self.refused(says=[key.name, says, "backup"])
                self.assertNotIn("PRIVATE", said)
        key.write_bytes(whole)
        key.chmod(0o640)
        self.refused(says=[key.name, "chmod 600"])
        key.unlink()
        self.refused(says=[key.name, "missing"])

    def test_every_key_that_is_wrong_is_foreseen(self):
        keys = sorted((self.state / "keys").iterdir())
        for key in keys:
            key.chmod(0o644)
        for key in keys:
            self.foreseen(says=[key.name, "chmod 600"])

    def test_what_is_in_the_way(self):
        socket_name = self.state / "control.sock"
        socket_name.write_text("")
        self.refused(says=["control.sock", "remove it"])
        socket_name.unlink()
        for folder in ("devices", "provisioning"):
            (self.state / folder).rmdir()
            (self.state / folder).write_text("")
            self.refused(says=[str(self.state / folder), "is not a directory"])
            (self.state / folder).unlink()
            (self.state / folder).mkdir()
        (self.state / "journal").write_text("")
        self.refused(says=[str(self.state / "journal")], may_change=("anchord.db",))  # the lists are built before

    @unittest.skipIf(os.geteuid() != 0, "only root can become somebody else")
    def test_of_somebody_else(self):
        self.refused("--user", "nobody", says=["belongs to 'root'", "would run as 'nobody'", "start it as that user"])

    def test_unknown_host(self):
        self.refused("--host", "cucm3", says=["cucm3", "cucm1, cucm2"])

    def expire(self):
        """Another certificate for the first host's TVS key, one that has ended."""
        key = next((self.state / "keys").glob("tvs-cucm1-*"))
        request, config, made = self.folder / "csr", self.folder / "ca.conf", self.folder / "old.pem"
        (self.folder / "index").touch()
        config.write_text(f"[ca]\ndefault_ca=d\n[d]\ndatabase={self.folder}/index\nnew_certs_dir={self.folder}\n"
                          "default_md=sha256\npolicy=p\nrand_serial=yes\n[p]\ncommonName=supplied\n")
        for args in (["req", "-new", "-key", key, "-subj", "/CN=TVS-cucm1", "-out", request],
                     ["ca", "-batch", "-selfsign", "-config", config, "-keyfile", key, "-in", request, "-out", made,
                      "-notext", "-startdate", "20200101000000Z", "-enddate", "20210101000000Z"]):
            result = run(client("openssl"), *args)
            self.assertEqual(result.returncode, 0, result.stderr)
        expired = ssl.PEM_cert_to_DER_cert(made.read_text())
        self.database(("UPDATE identities SET certificate = ?, sha256 = ? WHERE service = 'tvs' AND host = "
                       "(SELECT position FROM hosts WHERE name = 'cucm1')",
                       (expired, hashlib.sha256(expired).hexdigest())))
        return expired

    def test_an_expired_certificate_is_served_with_a_loud_warning(self):
        expired = self.expire()
        self.add("app-ec")
        with Service(self.state) as service, harness.Tvs(service.tvs[0]) as tvs:
            self.assertEqual(tvs.socket.getpeercert(binary_form=True), expired)
            self.assertTrue(is_valid(tvs.ask(verify_request(der("app-ec")))))
            self.assertRegex(service.log(), r" error EXPIRED: the tvs certificate CN=TVS-cucm1 ended \d+ days ago")
            status = run(harness.program("anchorctl"), "--state", self.state, "status")
            self.assertRegex(status.stdout.decode(), r"  - the tvs certificate of cucm1 HAS EXPIRED on 2021-01-01")


class System(Refusals):
    ONLY_THESE = ("--listen", "127.0.0.1", "--http-port", "0", "--https-port", "0")

    def test_port_in_use(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            self.refused("--tftp-port", "auto", "--tvs-port", port, ports=self.ONLY_THESE,
                         says=[f"127.0.0.1:{port}", "TCP", "--tvs-port"])
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
            taken.bind(("127.0.0.1", 0))
            port = taken.getsockname()[1]
            self.refused("--tvs-port", "auto", "--tftp-port", port, ports=self.ONLY_THESE,
                         says=[f"127.0.0.1:{port}", "UDP", "--tftp-port"])

    def test_port_of_another_anchord(self):
        other = self.folder / "other"
        shutil.copytree(self.state, other)
        with Service(self.state) as service:
            tvs, tftp = service.tvs[0][1], service.tftp[0][1]
            for listen in (self.ONLY_THESE, self.ONLY_THESE[2:]):
                how = {"state": other, "ports": listen, "may_change": ("state/anchord.db",)}  # its service reports
                self.refused("--tvs-port", tvs, "--tftp-port", 0, says="--tvs-port", **how)
                self.refused("--tvs-port", 0, "--tftp-port", tftp, says="--tftp-port", **how)

    def test_address_of_another_machine(self):
        self.refused(ports=("--listen", "192.0.2.1"), says=["192.0.2.1", "--listen"])

    def test_state_of_another_anchord(self):
        with Service(self.state) as service:
            service.hang()  # what it reports of itself would be taken for the other's writing
            try:
                # That is told as a warning: with the service ended, it would start.
                self.refused(says=["another anchord", str(self.state)], foreseen=False)
            finally:
                service.signal(signal.SIGCONT)
            self.assertIsNone(service.process.poll())
            self.assertEqual(service.status()["draining"], False)

    def test_too_few_descriptors(self):
        self.refused(preexec_fn=harness.limit_descriptors(1000),
                     says=["1000 open files", "ulimit -n", "--max-connections"])
        with Service(self.state, "--max-connections", "100", "--shards", "1", ports=("auto", "auto"),
                     preexec=harness.limit_descriptors(1000)) as service:
            harness.tftp_get(service.tftp[0], b"ITLFile.tlv")

    def test_no_io_uring(self):
        for error, says in ((errno.EPERM, "seccomp"), (errno.ENOSYS, "Linux 6.1"), (errno.ENOMEM, "ulimit -l")):
            with self.subTest(errno.errorcode[error]):
                self.refused(preexec_fn=harness.forbid_syscall(IO_URING_SETUP, error), says=["io_uring", says])

    def test_no_room_for_the_shards_rings(self):
        """The small ring that tries io_uring out is granted, those that serve are not."""
        with Service(self.state):  # so that the ITL is in the store already
            pass
        self.database("DELETE FROM service_status")
        forbid = harness.forbid_syscall(IO_URING_SETUP, errno.ENOMEM, first_argument=4096)
        self.refused("--ring-entries", "4096", preexec_fn=forbid, says=["locked memory", "ulimit -l"],
                     may_change=("anchord.db",))  # the session that began is in it

    def test_unknown_user(self):
        self.refused("--user", "nobody-of-that-name", says=["nobody-of-that-name", "--user"])

    def test_several_at_once_are_foreseen(self):
        flags = ("--user", "nobody-of-that-name", "--tls-ciphers", "NONSENSE", "--listen", "192.0.2.77", "--host", "cucm3")
        for says in ("nobody-of-that-name", "NONSENSE", "192.0.2.77", "cucm3"):
            self.foreseen(*flags, says=[says])

    def test_one_port_for_two(self):
        self.refused("--tvs-port", "8443", "--https-port", "8443", ports=("--listen", "127.0.0.1"),
                     says=["--tvs-port", "--https-port 8443", "its own"])

    def test_one_address_twice(self):
        for first, second in (("127.0.0.1", "127.0.0.1"), ("127.0.0.1", "::ffff:127.0.0.1"), ("0.0.0.0", "127.0.0.1"),
                              ("::1", "::")):
            self.refused(ports=("--listen", first, "--listen", second), says="--listen")

    def test_everything_off(self):
        self.refused(*(f"--{service}-port=0" for service in ("tvs", "tftp", "http", "https")), ports=(),
                     says="switched off")


class CommandLine(Refusals):
    def test_wrong_values(self):
        for flags, says in (
                (["--tvs-port", "65536"], "--tvs-port"), (["--tvs-port", "-1"], "--tvs-port"),
                (["--tftp-port", "http"], "--tftp-port"), (["--tftp-port", ""], "--tftp-port"),
                (["--allow", "10.0.0.0/33"], "--allow"), (["--allow", "10.0.0"], "--allow"),
                (["--listen", "localhost"], "--listen"), (["--listen", "127.0.0.1:69"], "--listen"),
                (["--tls-min", "1.4"], "--tls-min"),
                (["--tls-min", "ssl3"], "--tls-min"), (["--shards", "0"], "--shards"), (["--shards", "x"], "--shards"),
                (["--max-connections", "0"], "--max-connections"), (["--ring-entries", "100"], "--ring-entries"),
                (["--handshake-timeout", "soon"], "--handshake-timeout"), (["--log-level", "loud"], "loud"),
                (["--log-format", "xml"], "--log-format"), (["--frobnicate"], "--frobnicate"), (["extra"], "extra"),
                (["--config", self.folder / "none"], "none")):
            with self.subTest(flags):
                ports = () if "-port" in str(flags[0]) or flags[0] == "--listen" else self.PORTS
                self.refused(*flags, ports=ports, says=says, code=2)

    def test_a_cipher_list_that_is_none(self):
        self.refused("--tls-ciphers", "NONSENSE", says="NONSENSE")

    def test_no_state(self):
        result = run(harness.program("anchord"))
        self.assertEqual(result.returncode, 2)
        self.assertRegex(result.stderr.decode(), r"\Aanchord: .*--state.*\n\Z")

    def test_help_and_version(self):
        shown = run(harness.program("anchord"), "--help")
        self.assertEqual((shown.returncode, shown.stderr), (0, b""))
        self.assertIn(b"--max-connections", shown.stdout)
        self.assertRegex(run(harness.program("anchord"), "--version").stdout, rb"\Aanchord \d+\.\d+\.\d+\n\Z")


if __name__ == "__main__":
    harness.main()
