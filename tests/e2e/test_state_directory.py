"""What a state directory must be to be used: nobody else's, and what is above it as well."""

import os
import shutil
import unittest

import harness
from harness import Case, Service, program, run

OTHER = 65534  # nobody


class Others(Case):
    """With the files of another user, where this one may give files away."""

    def setUp(self):
        super().setUp()
        probe = self.folder / "probe"
        probe.write_text("")
        try:
            os.chown(probe, OTHER, OTHER)
        except OSError as e:
            self.skipTest(f"there is no other user here: {e}")
        for folder in (harness.scratch(), self.folder):
            folder.chmod(0o755)

    def give(self, *roots):
        for root in roots:
            os.lchown(root, OTHER, OTHER)
            for folder, folders, files in os.walk(root):
                for name in folders + files:
                    os.lchown(os.path.join(folder, name), OTHER, OTHER)

    def as_other(self, *args):
        return run(*args, user=OTHER, group=OTHER, extra_groups=[])

    def not_served(self, *flags, says):
        result = run(program("anchord"), "--state", self.state, "--tvs-port", "0", "--tftp-port", "0", "--http-port", "0",
                     "--https-port", "0", *flags)
        error = result.stderr.decode()
        self.assertEqual((result.returncode, error.count("\n")), (1, 1), error)
        for words in says:
            self.assertIn(words, error)


class OfOthers(Others):
    def test_root_serves_nothing_of_another_users_as_root(self):
        self.give(self.state)
        self.not_served(says=("belongs to 'nobody'", "would run as root", "with --user 'nobody'"))
        self.not_served("--user", "daemon", says=("belongs to 'nobody'", "would run as 'daemon'"))
        # Root's own commands work for whom it belongs to.
        self.ctl("cert", "regenerate", "capf", "--yes")
        self.assertEqual({path.stat().st_uid for path in self.state.rglob("*")}, {OTHER})

    def test_the_service_of_that_user_serves_it(self):
        secret = self.folder / "secret"
        secret.write_text("<device>of root alone</device>")
        secret.chmod(0o600)
        (self.state / "provisioning/good.xml").write_text("<device/>")
        self.give(self.state)
        # As where fs.protected_hardlinks is 0.
        os.link(secret, self.state / "provisioning/SEP001122334455.cnf.xml")
        with Service(self.state, "--user", "nobody") as service:
            self.assertEqual(harness.tftp_get(service.tftp[0], b"good.xml")[0], b"<device/>")
            with self.assertRaises(OSError):
                harness.tftp_get(service.tftp[0], b"SEP001122334455.cnf.xml")

    def test_another_name_of_anothers_file_is_not_served(self):
        """Readable, unlike the one above: it is refused for what it is."""
        secret = self.folder / "secret"
        secret.write_text("<device/>")
        os.chown(secret, OTHER, OTHER)
        os.link(secret, self.state / "provisioning/SEP001122334455.cnf.xml")
        with Service(self.state) as service:
            with self.assertRaises(OSError):
                harness.tftp_get(service.tftp[0], b"SEP001122334455.cnf.xml")
            self.assertIn("is another name (a hard link) of a file of 'nobody': put a copy there", service.log())

    def test_a_link_of_another_user_is_not_followed(self):
        link = self.folder / "link"
        link.symlink_to(self.state)
        args = (program("anchorctl"), "--state", link, "cert", "list")
        self.assertEqual(run(*args).returncode, 0)
        os.lchown(link, OTHER, OTHER)
        result = run(*args)
        self.assertEqual(result.returncode, 1)
        self.assertIn("is a link that belongs to 'nobody'", result.stderr.decode())

    def test_nor_one_in_the_directory(self):
        elsewhere = self.folder / "elsewhere"
        (self.state / "provisioning").rename(elsewhere)
        (elsewhere / "good.xml").write_text("<device/>")
        (self.state / "provisioning").symlink_to(elsewhere)
        with Service(self.state) as service:
            self.assertEqual(harness.tftp_get(service.tftp[0], b"good.xml")[0], b"<device/>")
        os.lchown(self.state / "provisioning", OTHER, OTHER)
        self.refused(1, "cert", "list", says="is a link that belongs to 'nobody'")
        self.not_served(says=("is a link that belongs to 'nobody'",))

    def test_what_is_above_belongs_to_root_or_to_oneself(self):
        above = self.folder / "above"
        above.mkdir()
        shutil.move(self.state, above / "state")
        self.state = above / "state"
        os.chown(above, OTHER, OTHER)
        self.refused(1, "cert", "list", says=("above' belongs to 'nobody'", "chown root"))
        self.refused(1, "init", "--name", "x", "--host", "h", says="belongs to 'nobody'")
        # Who owns both works on both; root may help.
        self.give(self.state)
        self.ctl("cert", "list")
        result = self.as_other(program("anchorctl"), "--state", self.state, "cert", "list")
        self.assertEqual(result.returncode, 0, result.stderr)

    def test_folders_in_it_are_the_owners(self):
        for name in ("keys", "provisioning"):
            with self.subTest(name):
                os.chown(self.state / name, OTHER, OTHER)
                self.refused(1, "cert", "list", says=(f"{name}' belongs to 'nobody'", "chown 'root'"))
                os.chown(self.state / name, 0, 0)

    def test_clusters_are_made_by_who_runs_them(self):
        prepared = self.folder / "prepared"
        prepared.mkdir(0o700)
        self.give(prepared)
        args = (program("anchorctl"), "--state", prepared, "init", "--name", "x", "--host", "h")
        result = run(*args)
        self.assertEqual(result.returncode, 1)
        self.assertIn("belongs to 'nobody', and this is root: run 'anchorctl init' as that user", result.stderr.decode())
        self.assertEqual(list(prepared.iterdir()), [])
        result = self.as_other(*args)
        self.assertEqual(result.returncode, 0, result.stderr)

class Modes(Case):
    def test_nobody_else_may_write(self):
        for path, mode, says in ((self.state, 0o777, "mode 0777"), (self.state, 0o1777, "mode 1777"),
                                 (self.folder, 0o777, "mode 0777"), (self.state / "keys", 0o702, "mode 0702"),
                                 (self.state / "devices", 0o707, "mode 0707"),
                                 (self.state / "provisioning", 0o777, 'chmod o-w')):
            with self.subTest(path=path, mode=oct(mode)):
                before = path.stat().st_mode
                path.chmod(mode)
                self.addCleanup(path.chmod, before)
                self.refused(1, "cert", "list", says=(f"'{path}' can be written to by other users", says))
                result = run(program("anchord"), "--state", self.state, "--tvs-port", "0", "--tftp-port", "0", "--http-port", "0",
                             "--https-port", "0")
                self.assertEqual(result.returncode, 1)
                self.assertIn("can be written to by other users", result.stderr.decode())
                path.chmod(before)
        self.ctl("cert", "list")

    def test_a_sticky_folder_above_is_as_good_as_tmp(self):
        self.folder.chmod(0o1777)
        self.ctl("cert", "list")

    def test_a_group_may_provision(self):
        (self.state / "provisioning").chmod(0o2770)
        self.ctl("cert", "list")

    def test_the_database_and_keys_are_no_links(self):
        key = next((self.state / "keys").glob("tftp-????????.key"))
        for path, command in ((self.state / "anchord.db", ("cert", "list")), (key, ("mode", "set", "mixed", "--yes"))):
            with self.subTest(path):
                moved = self.folder / "moved"
                path.rename(moved)
                path.symlink_to(moved)
                self.refused(1, *command, says=f"'{path}' is a link")
                path.unlink()
                moved.rename(path)


if __name__ == "__main__":
    unittest.main()
