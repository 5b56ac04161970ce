"""What can be seen of a store where nothing can be written, and what kills leave beside one."""

import fcntl
import os
import shutil
import sqlite3
import unittest

import harness
import network
from harness import Case, Service, program, run
from test_state_directory import Others

READING = (("status",), ("cert", "list"), ("cert", "export", "tvs"), ("itl", "show"), ("phone", "list"), ("report", "itl"),
           ("report", "evidence"), ("report", "features"))


class OfOthers(Others):
    def test_modes_as_their_owner_has_them(self):
        """Not root, whom no mode stops."""
        self.give(self.state)
        (self.state / "anchord.db").chmod(0o400)
        self.state.chmod(0o500)
        for args in READING:
            with self.subTest(args):
                result = self.as_other(program("anchorctl"), "--state", self.state, *args)
                self.assertIn(result.returncode, (0, 1), result.stderr)
                self.assertIn("is read-only here", result.stderr.decode())
        self.state.chmod(0o700)

    def test_what_cannot_be_removed_is_named(self):
        above = self.folder / "above"
        above.mkdir()
        shutil.move(self.state, above / "state")
        self.state = above / "state"
        self.give(self.state)
        left = above / "state.restoring-Ab12Cd"
        (left / "keys").mkdir(parents=True)
        result = self.as_other(program("anchorctl"), "--state", self.state, "cert", "list")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn(f"'{left}' was left by a command that was killed", result.stderr.decode())
        self.ctl("cert", "list")
        self.assertFalse(left.exists())


class Leftovers(Case):
    def test_what_killed_commands_left_goes_with_the_next(self):
        left = [self.folder / "state.restoring-Ab12Cd", self.state / ".restoring-Xy34Zw", self.state / ".backup-000000"]
        kept = [self.folder / "state.restoring-of-mine", self.folder / "state.before-restore-20261129T010203Z",
                self.folder / "other.restoring-Ab12Cd", self.state / "keys"]
        for folder in left + kept:
            (folder / "keys").mkdir(parents=True, exist_ok=True)
            (folder / "keys/x.key").write_text("secret")
        held = os.open(left[0], os.O_RDONLY)
        fcntl.flock(held, fcntl.LOCK_EX)  # as a restore that runs does
        self.ctl("cert", "list")
        self.assertEqual([folder.exists() for folder in left], [True, False, False])
        os.close(held)
        self.ctl("cert", "list")
        self.assertFalse(left[0].exists())
        self.assertTrue(all(folder.exists() for folder in kept))

    def test_the_service_removes_them_too(self):
        left = self.folder / "state.restoring-Ab12Cd"
        left.mkdir()
        part = self.state / "last-good/SEP001122334455.cnf.xml.new-a1B2c3"
        part.parent.mkdir()
        part.write_text("<dev")
        with Service(self.state):
            self.assertFalse(left.exists())
            self.assertFalse(part.exists())


class ReadOnly(Case):
    def setUp(self):
        super().setUp()
        try:
            network.own_mounts()
        except OSError as e:
            self.skipTest(f"nothing can be mounted here: {e}")
        self.ctl("itl", "show")
        self.written = self.state
        self.state = self.folder / "mounted"
        self.state.mkdir()

    def mount(self):
        for how in (("--bind", self.written, self.state), ("-o", "remount,bind,ro", self.state)):
            mounted = run("mount", *how)
            self.assertEqual(mounted.returncode, 0, mounted.stderr.decode())
        self.addCleanup(run, "umount", self.state)

    def rename_cluster(self, end):
        """Another name, in the log of changes of a process that ends as it is told."""
        child = os.fork()
        if child == 0:
            database = sqlite3.connect(self.written / "anchord.db")
            database.execute("UPDATE cluster SET name = 'renamed'")
            database.commit()
            os._exit(0)
        os.waitpid(child, 0)
        self.assertGreater((self.written / "anchord.db-wal").stat().st_size, 0)
        end()

    def shows(self, name):
        for args in READING:
            with self.subTest(args):
                result = run(program("anchorctl"), "--state", self.state, *args)
                self.assertIn(result.returncode, (0, 1), result.stderr.decode())
                self.assertIn("is read-only here", result.stderr.decode())
                self.assertNotIn("cannot", result.stderr.decode())
        self.ctl("ledger", "export", self.folder / "ledger")
        facts = self.facts("status")
        self.assertEqual((facts["cluster"], facts["read_only"]), (name, True))

    def test_a_store_that_was_closed(self):
        self.mount()
        before = sorted(self.written.rglob("*"))
        self.shows("demo")
        self.refused(1, "cert", "add", harness.CERTS / "app-ec.crt", "--role", "tvs", says="cannot be written to")
        result = run(program("anchord"), "--state", self.state, "--tvs-port", "0", "--tftp-port", "0", "--http-port", "0",
                     "--https-port", "0")
        self.assertIn("is on a read-only file system", result.stderr.decode())
        self.assertEqual(sorted(self.written.rglob("*")), before)

    def test_one_with_a_log_of_a_killed_process(self):
        self.rename_cluster(lambda: None)
        self.mount()
        self.shows("renamed")

    def test_one_with_a_log_and_without_its_index(self):
        self.rename_cluster(lambda: (self.written / "anchord.db-shm").unlink())
        self.mount()
        self.shows("renamed")

    def test_one_that_a_service_writes_elsewhere(self):
        with Service(self.written):
            self.mount()
            self.shows("demo")


if __name__ == "__main__":
    unittest.main()
