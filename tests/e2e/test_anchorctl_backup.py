"""Backups as an operator makes and restores them, beside a service that runs and without."""

import http.client
import os
import pathlib
import pty
import select
import shutil
import tempfile
import termios
import time

import harness
from harness import Service, program, run

PHONE = "SEP001122334455"
PASSPHRASE = "correct horse battery"


class Case(harness.Case):
    def setUp(self):
        super().setUp()
        self.backup = self.folder / "backup"
        self.passphrase = self.folder / "passphrase"
        self.passphrase.write_text(PASSPHRASE + "\n")

    def in_backup(self, command, *args, **how):
        return self.ctl("backup", command, self.backup, "--passphrase-file", self.passphrase, *args, **how)

    def backup_facts(self, command, *args):
        return self.facts("backup", command, self.backup, "--passphrase-file", self.passphrase, *args)

    def backup_refused(self, code, command, *args, **how):
        return self.refused(code, "backup", command, self.backup, "--passphrase-file", self.passphrase, *args, **how)

    def tree(self, state=None):
        state = pathlib.Path(state or self.state)
        return {str(p.relative_to(state)): p.is_file() and p.name != "anchord.db" and p.read_bytes()
                for p in sorted(state.rglob("*"))}

    def beside(self):
        return sorted(p.name for p in self.folder.iterdir())


def fetch_all(service):
    """What phones get, by TFTP and HTTP."""
    names = ["ITLFile.tlv", f"ITL{PHONE}.tlv", f"{PHONE}.cnf.xml.sgn", "firmware.loads"]
    got = {}
    for name in names:
        got["tftp", name] = harness.tftp_get(service.tftp[0], name.encode())[0]
        connection = http.client.HTTPConnection(*service.http[0], timeout=harness.BOUND)
        connection.request("GET", "/" + name)
        got["http", name] = connection.getresponse().read()
        connection.close()
    return got


class Backup(Case):
    def provision(self):
        (self.state / "provisioning" / f"{PHONE}.cnf.xml").write_text("<device/>")
        (self.state / "provisioning" / "firmware.loads").write_bytes(os.urandom(100_000))

    def test_a_restored_server_serves_the_same_bytes(self):
        self.provision()
        with Service(self.state, ports=("auto",) * 3) as service:
            before = fetch_all(service)
            made = self.backup_facts("create")
            self.assertEqual(fetch_all(service), before)
        for name in ("ITLFile.tlv", f"{PHONE}.cnf.xml.sgn"):
            self.assertEqual(before["tftp", name], before["http", name])
        shutil.rmtree(self.state)
        restored = self.backup_facts("restore")
        self.assertIsNone(restored["replaced"])
        self.assertEqual(restored["tftp_sha256"], made["tftp_sha256"])
        with Service(self.state, ports=("auto",) * 3) as service:
            self.assertEqual(fetch_all(service), before)
            self.assertNotIn("was killed", service.log())  # it ran when the backup was made

    def test_facts(self):
        self.provision()
        made = self.backup_facts("create")
        self.assertEqual(list(made), ["file", "cluster", "cluster_id", "made_at", "files", "bytes", "tftp_sha256",
                                      "skipped"])
        self.assertEqual((made["cluster"], made["files"], made["skipped"]), ("demo", 9, 0))
        self.assertRegex(made["cluster_id"], "^[0-9a-f]{32}$")
        self.assertRegex(made["made_at"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        verified = self.backup_facts("verify")
        self.assertEqual(verified, {k: v for k, v in made.items() if k != "skipped"})
        self.assertIn("is whole", self.in_backup("verify"))
        self.assertEqual(self.backup.stat().st_mode & 0o777, 0o600)
        self.assertNotIn(b"demo", self.backup.read_bytes())
        self.assertNotIn(b"PRIVATE KEY", self.backup.read_bytes())

    def test_verify_needs_no_state(self):
        self.in_backup("create")
        result = run(program("anchorctl"), "backup", "verify", self.backup, "--passphrase-file", self.passphrase)
        self.assertEqual((result.returncode, result.stderr), (0, b""))

    def test_links_are_left_out_loudly(self):
        (self.state / "provisioning" / "passwd").symlink_to("/etc/passwd")
        result = run(program("anchorctl"), "--state", self.state, "backup", "create", self.backup, "--passphrase-file",
                     self.passphrase)
        self.assertEqual(result.returncode, 0)
        self.assertIn("provisioning/passwd", result.stderr.decode())

    def test_the_warning_goes_and_comes_back(self):
        def warned():
            result = run(program("anchorctl"), "--state", self.state, "cert", "list")
            self.assertEqual(result.returncode, 0)
            return "no backup holds the present TFTP key" in result.stderr.decode()
        self.assertTrue(warned())
        self.in_backup("create")
        self.assertFalse(warned())
        self.ctl("cert", "regenerate", "tftp", "--yes")
        self.assertTrue(warned())
        self.in_backup("create")
        self.assertFalse(warned())

    def test_restoring_over_a_state_keeps_it(self):
        self.in_backup("create")
        self.add("app-ec")
        after = self.tree()
        self.backup_refused(2, "restore", says=["--yes", str(self.state)])
        restored = self.backup_facts("restore", "--yes")
        old = pathlib.Path(restored["replaced"])
        self.assertRegex(old.name, r"^state\.before-restore-\d{8}T\d{6}Z$")
        self.assertEqual(self.tree(old), after)
        self.assertEqual(len(self.facts("cert", "list")["certificates"]), 6)

    def test_a_running_service_is_not_pulled_from_under_phones(self):
        self.in_backup("create")
        with Service(self.state) as service:
            self.backup_refused(1, "restore", "--yes", "--force", "--other-cluster", says=["service runs", "stop it"])
            service.status()
        self.in_backup("restore", "--yes")

    def test_another_clusters_backup(self):
        self.in_backup("create")
        other = self.folder / "other"
        self.assertEqual(run(program("anchorctl"), "--state", other, "init", "--name", "second", "--host", "h").returncode, 0)
        mine, self.state = self.state, other
        self.backup_refused(1, "restore", "--yes", says=["another cluster", "'demo'", "'second'", "--other-cluster"])
        self.assertEqual(self.facts("status")["cluster"], "second")
        self.in_backup("restore", "--yes", "--other-cluster")
        self.assertEqual(self.facts("status")["cluster"], "demo")
        self.state = mine

    def test_damage_is_refused_and_changes_nothing(self):
        self.provision()
        self.in_backup("create")
        whole = self.backup.read_bytes()
        tree, names = self.tree(), self.beside()
        middle = bytearray(whole)
        middle[len(whole) // 2] ^= 1
        for what, content in {"cut": whole[:-1], "head": whole[:60], "empty": b"", "more": whole + b"\0",
                              "middle": bytes(middle), "text": b"hello, I am no backup at all" * 9}.items():
            with self.subTest(what):
                self.backup.write_bytes(content)
                for command in (["verify"], ["restore", "--yes"]):
                    self.backup_refused(1, *command, says=str(self.backup))
        self.assertEqual((self.tree(), self.beside()), (tree, names))
        self.backup.write_bytes(whole)
        self.passphrase.write_text("another passphrase\n")
        self.backup_refused(1, "restore", "--yes", says="passphrase is wrong")
        self.assertEqual((self.tree(), self.beside()), (tree, names))

    def test_passphrase_files(self):
        for content, says in ((b"", "shorter than 8"), (b"short\nbut a long second line", "shorter than 8"),
                              (b"x" * 1025, "longer than 1024")):
            self.passphrase.write_bytes(content)
            self.backup_refused(1, "create", says=[says, str(self.passphrase)])
            self.assertFalse(self.backup.exists())
        self.passphrase.unlink()
        self.backup_refused(1, "create", says=str(self.passphrase))
        self.refused(2, "backup", "create", self.backup, says="--passphrase-file")
        # The first line counts, however it ends.
        self.passphrase.write_bytes(PASSPHRASE.encode() + b"\r\nsecond line")
        self.in_backup("create")
        self.passphrase.write_bytes(PASSPHRASE.encode())
        self.in_backup("verify")

    def test_places_that_are_none(self):
        self.refused(1, "backup", "create", self.state / "b", "--passphrase-file", self.passphrase,
                     says="in the state directory")
        self.refused(1, "backup", "create", self.folder / "none/b", "--passphrase-file", self.passphrase, says="none/b")
        self.in_backup("create")
        home = self.folder / "home"
        home.mkdir()
        (home / "letter").write_text("dear")
        self.state = home
        self.backup_refused(1, "restore", "--yes", "--force", says="not a state directory")
        self.assertEqual((home / "letter").read_text(), "dear")

    def test_command_lines_that_are_wrong(self):
        for line in ("backup", "backup create", "backup verify", "backup restore", "backup list x",
                     f"backup create {self.backup} --force", f"backup verify {self.backup} --other-cluster"):
            with self.subTest(line):
                self.refused(2, *line.split(), says="--help")

    def test_files_belong_to_the_owner_of_what_was_there(self):
        if os.geteuid() != 0:
            self.skipTest("only root gives files away")
        self.provision()
        self.in_backup("create")
        for path in (self.state, *self.state.rglob("*")):
            os.chown(path, 12345, 23456)
        self.in_backup("restore", "--yes")
        for path in (self.state, *self.state.rglob("*")):
            self.assertEqual((path.stat().st_uid, path.stat().st_gid), (12345, 23456), path)


class Prepared(Case):
    """On a machine as docs/guides/backup-and-restore.md prepares it: an empty folder of the service's user, who may not write beside
    it."""

    USER, GROUP = 12345, 23456

    def setUp(self):
        super().setUp()
        self.in_backup("create")
        self.open = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.open)
        self.above = self.open / "lib"
        self.prepared = self.above / "anchord"
        self.prepared.mkdir(mode=0o700, parents=True)
        self.ctl_program = shutil.copy(program("anchorctl"), self.open)
        self.how = {"cwd": "/"}
        for file in (self.backup, self.passphrase):
            shutil.copy(file, self.open)
        if os.geteuid() == 0:
            self.how |= {"user": self.USER, "group": self.GROUP, "extra_groups": []}
            for path in (self.prepared, *self.open.glob("[bp]*")):
                os.chown(path, self.USER, self.GROUP)
        self.open.chmod(0o755)
        self.above.chmod(0o555)
        self.addCleanup(self.above.chmod, 0o755)

    def restore(self, *args):
        return run(self.ctl_program, "--state", self.prepared, "backup", "restore", self.open / "backup",
                   "--passphrase-file", self.open / "passphrase", *args, **self.how)

    def test_the_services_user_restores_without_being_asked(self):
        before = self.prepared.stat()
        result = self.restore()
        self.assertEqual((result.returncode, result.stderr), (0, b""))
        self.assertEqual([p.name for p in self.above.iterdir()], ["anchord"])
        self.assertFalse([p for p in self.prepared.iterdir() if p.name.startswith(".")])
        after = self.prepared.stat()
        self.assertEqual((after.st_mode, after.st_uid, after.st_gid, after.st_ino),
                         (before.st_mode, before.st_uid, before.st_gid, before.st_ino))
        for path in self.prepared.rglob("*"):
            self.assertEqual((path.stat().st_uid, path.stat().st_gid), (before.st_uid, before.st_gid), path)
        listed = run(self.ctl_program, "--state", self.prepared, "cert", "list", **self.how)
        self.assertEqual(listed.returncode, 0, listed.stderr.decode())
        # Root serves nothing of another user's, and this one has no name for --user.
        for path in (self.prepared, *self.prepared.rglob("*")):
            os.chown(path, os.geteuid(), os.getegid())
        with Service(self.prepared, ports=("auto",) * 3) as service:
            self.assertTrue(harness.tftp_get(service.tftp[0], b"ITLFile.tlv")[0])

    def test_what_cannot_be_put_aside_names_the_remedy(self):
        self.assertEqual(self.restore().returncode, 0)
        result = self.restore("--yes")
        self.assertEqual((result.returncode, result.stdout), (1, b""))
        self.assertEqual(result.stderr.count(b"\n"), 1)
        for words in (str(self.above), "Permission denied", "as root"):
            self.assertIn(words, result.stderr.decode())

    def test_a_folder_that_may_not_be_written_names_the_remedy(self):
        before = self.prepared.stat()
        os.chown(self.prepared, 0, 0)
        self.prepared.chmod(0o555)
        result = self.restore()
        os.chown(self.prepared, before.st_uid, before.st_gid)
        self.assertEqual((result.returncode, result.stdout, result.stderr.count(b"\n")), (1, b"", 1))
        for words in (str(self.prepared), "Permission denied", "is root's, run it as root"):
            self.assertIn(words, result.stderr.decode())

    def test_damage_leaves_the_folder_empty(self):
        content = (self.open / "backup").read_bytes()
        (self.open / "backup").write_bytes(content[:-1])
        self.assertEqual(self.restore().returncode, 1)
        self.assertEqual(list(self.prepared.iterdir()), [])


class Terminal(Case):
    """Asked at a terminal, which must not show what is typed."""

    def talk(self, args, *answers):
        """Exit code and everything the terminal showed."""
        pid, terminal = pty.fork()
        if pid == 0:
            os.execve(program("anchorctl"), ["anchorctl", "--state", str(self.state), *map(str, args)],
                      harness.environment())
        shown, answers, end = b"", list(answers), time.monotonic() + harness.BOUND
        try:
            while time.monotonic() < end:
                if not select.select([terminal], [], [], 1)[0]:
                    continue
                part = os.read(terminal, 4096)
                if not part:
                    break
                shown += part
                if answers and shown.endswith((b": ", b"[y/N] ")):
                    os.write(terminal, answers.pop(0).encode() + b"\n")
        except OSError:  # the other end is closed
            pass
        _, status = os.waitpid(pid, 0)
        self.echo = bool(termios.tcgetattr(terminal)[3] & termios.ECHO)
        os.close(terminal)
        return os.waitstatus_to_exitcode(status), shown.decode()

    def test_asks_twice_and_shows_nothing(self):
        code, shown = self.talk(["backup", "create", self.backup], PASSPHRASE, PASSPHRASE)
        self.assertEqual(code, 0, shown)
        self.assertNotIn(PASSPHRASE, shown)
        self.assertIn("once more", shown)
        self.in_backup("verify")
        code, shown = self.talk(["backup", "verify", self.backup], PASSPHRASE)
        self.assertEqual(code, 0, shown)
        self.assertNotIn("once more", shown)

    def test_two_that_differ_and_short_ones(self):
        code, shown = self.talk(["backup", "create", self.backup], PASSPHRASE, PASSPHRASE + "x")
        self.assertEqual(code, 1)
        self.assertIn("differ", shown)
        code, shown = self.talk(["backup", "create", self.backup], "short")
        self.assertEqual(code, 1)
        self.assertIn("shorter than 8", shown)
        self.assertFalse(self.backup.exists())

    def test_restore_asks_first(self):
        self.in_backup("create")
        code, shown = self.talk(["backup", "restore", self.backup], "n")
        self.assertEqual(code, 1)
        self.assertIn("nothing was restored", shown)
        code, shown = self.talk(["backup", "restore", self.backup], "y", PASSPHRASE)
        self.assertEqual(code, 0, shown)
        self.assertIn("before-restore-", shown)

    def test_an_interrupt_leaves_the_terminal_as_it_was(self):
        code, shown = self.talk(["backup", "create", self.backup], "\x03")
        self.assertEqual(code, -2, shown)
        self.assertTrue(self.echo)
