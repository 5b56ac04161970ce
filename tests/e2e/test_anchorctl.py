"""anchorctl as an operator uses it: what it prints, its exit codes, and what it refuses.

ANCHORD_BIN names the build directory. Needs nothing but Python's standard library.
"""

import itertools
import json
import os
import pathlib
import pty
import pwd
import random
import re
import shutil
import signal
import socket
import ssl
import stat
import struct
import subprocess
import tempfile
import threading
import time
import unittest

import control
import harness
from harness import CERTS, DATA, der, many_certificates
from network import unused_port

ANCHORCTL = harness.program("anchorctl")

OWN_CERTIFICATES = 6  # of the cluster that setUpModule makes: two tvs, tftp, tftp-ec, capf, recovery

scratch = None  # of the whole run
pristine = None  # a state directory that tests copy


def setUpModule():
    global scratch, pristine
    scratch = tempfile.TemporaryDirectory()
    pristine = pathlib.Path(scratch.name) / "pristine"
    subprocess.run([ANCHORCTL, "init", "--state", pristine, "--name", "demo", "--host", "cucm1.example.com=127.0.0.1",
                    "--host", "cucm2.example.com", "--organization", "Example Corp", "--country", "US"],
                   check=True, stdout=subprocess.DEVNULL, env=environment())


def tearDownModule():
    if scratch:
        scratch.cleanup()


def environment(**extra):
    return {**harness.environment(), **extra}


def pem(der_bytes):
    return ssl.DER_cert_to_PEM_cert(der_bytes)


class Case(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(dir=scratch.name))
        self.state = self.folder / "state"
        shutil.copytree(pristine, self.state)

    def path(self, name, content=None):
        path = self.folder / name
        if content is not None:
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def run_it(self, *args, env=None, stdin=subprocess.DEVNULL):
        return subprocess.run([ANCHORCTL, *map(str, args)], capture_output=True, stdin=stdin, env=env or environment(),
                              timeout=harness.BOUND)

    def done(self, *args, **how):
        result = self.run_it(*args, **how)
        # A person is needed in most of these clusters: no service runs.
        self.assertIn(result.returncode, (0, 1) if args[-1] == "status" else (0,), result.stderr.decode())
        self.assertNotIn(b"PRIVATE KEY", result.stdout + result.stderr)
        return result.stdout.decode()

    def facts(self, *args, code=0, **how):
        result = self.run_it(*args, "--json", **how)
        self.assertIn(result.returncode, (0, 1) if args[-1] == "status" else (code,), result.stderr.decode())
        return json.loads(result.stdout)

    def refused(self, code, *args, says=(), **how):
        """Exit code, one line on standard error, and the words that must be in it."""
        result = self.run_it(*args, **how)
        error = result.stderr.decode()
        self.assertEqual(result.returncode, code, error or result.stdout)
        self.assertEqual(error.count("\n"), 1, error)
        self.assertTrue(error.startswith("anchorctl: ") and error.endswith("\n"), error)
        for words in [says] if isinstance(says, str) else says:
            self.assertIn(words, error)
        return error

    def ctl(self, *args, **how):
        return self.done("--state", self.state, *args, **how)


class CommandLine(Case):
    COMMANDS = ["init", "status", "audit", "cert add", "cert list", "cert show", "cert remove", "cert export",
                "cert regenerate", "cert import", "cert bundle export", "cert bundle import", "mode show", "mode set",
                "rollback prepare", "rollback cancel", "rollback status", "backup create", "backup restore",
                "backup verify", "phone add", "phone list", "phone show", "phone remove", "report features",
                "report expiry", "report itl", "itl show", "itl verify", "itl build", "ctl show", "ctl verify",
                "ctl build", "file show", "file verify", "file sign", "file strip", "tvs verify", "tvs query", "set",
                "set digest"]
    GROUPS = ["", "cert", "cert bundle", "mode", "rollback", "backup", "phone", "report", "itl", "ctl", "file", "tvs"]

    def test_version(self):
        self.assertRegex(self.done("--version"), r"^anchorctl \d+\.\d+\.\d+\n$")

    def test_every_command_has_help(self):
        for command in self.COMMANDS + self.GROUPS:
            with self.subTest(command):
                self.assertIn("Usage: anchorctl", self.done(*command.split(), "--help"))

    def test_only_listed_commands_have_json(self):
        for command in self.COMMANDS:
            with self.subTest(command):
                self.assertEqual("--json" in self.done(*command.split(), "--help"),
                                 command not in ("cert export", "file strip"))

    def test_commands_that_do_not_exist(self):
        for line in ("cert regenerate", "cert renew tvs", "ctl", "mode", "mode set", "rollback", "report", "report all",
                     "file encrypt x", "file decrypt x", "", "cert", "frobnicate", "--frobnicate",
                     "cert list extra"):
            with self.subTest(line):
                self.refused(2, "--state", self.state, *line.split(), says="--help")

    def test_unknown_words_are_named(self):
        for line, word in (("frobnicate", "frobnicate"), ("cert bundel export x", "bundel"), ("--frob", "--frob"),
                           ("cert list extra", "extra"), ("cert add x --rolle tvs", "--rol"),
                           ("init --name a --host b --key dsa", "rsa4096")):
            self.refused(2, "--state", self.state, *line.split(), says=word)

    def test_missing_and_wrong_options(self):
        for line in ("cert add", "cert add x", "cert show", "itl verify", "itl build", "file sign", "tvs verify x",
                     "init --host a", "init --name a", "tvs query --host h --tvs-cert f --issuer i",
                     "cert list --json=maybe", "cert add x --role tvs --ttl -1", "cert add x --role tvs --ttl soon",
                     "cert add x --role tvs --ttl 4294967296", "init --name a --host b --key dsa"):
            with self.subTest(line):
                self.refused(2, "--state", self.state, *line.split())

    def test_a_certificate_is_always_named_by_cert_too(self):
        """Where the usual name of the option is another."""
        self.refused(2, "itl", "verify", "x", "--cert", "", says="--signer: it is empty")
        self.refused(2, "ctl", "verify", "x", "--cert", "", says="--signer: it is empty")
        self.refused(2, "tvs", "verify", "x", "--host", "h", "--cert", "", says="--tvs-cert: it is empty")
        self.refused(2, "tvs", "query", "--issuer", "i", "--serial", "1", "--host", "h", "--cert", "", says="--tvs-cert: it is empty")
        name = "SEP001122334455"
        self.ctl("phone", "add", name, "--cert", CERTS / "phone.crt", "--force")
        self.assertTrue(self.facts("--state", self.state, "phone", "show", name)["encrypted"])
        for command in ("itl verify", "tvs verify", "phone add"):
            self.assertNotRegex(self.done(*command.split(), "--help"), r"--cert\b")
        self.refused(2, "itl", "verify", "x", "--cert", "a", "--signer", "b", says="--signer")

    def test_state_anywhere(self):
        expected = self.done("--state", self.state, "cert", "list")
        self.assertEqual(self.done("cert", "--state", self.state, "list"), expected)
        self.assertEqual(self.done("cert", "list", f"--state={self.state}"), expected)
        self.assertEqual(self.done("cert", "list", env=environment(ANCHORD_STATE=str(self.state))), expected)
        # What is said on the command line wins.
        self.assertEqual(
            self.done("cert", "list", "--state", self.state, env=environment(ANCHORD_STATE="/nowhere")), expected)

    def test_no_state(self):
        for line in ("status", "audit", "cert list", "cert show ab", "cert remove ab", "cert export tvs", "itl show",
                     "itl build --out x", "init --name a --host b", f"cert add {CERTS}/tvs.crt --role tvs"):
            with self.subTest(line):
                self.refused(2, *line.split(), says="--state")

    def test_state_that_is_not_there(self):
        for line in ("status", "cert list", "itl show"):
            self.refused(1, "--state", self.folder / "none", *line.split(), says=["none", "anchorctl init"])

    def test_output_that_cannot_be_written(self):
        with open("/dev/full", "wb") as full:
            result = subprocess.run([ANCHORCTL, "--state", self.state, "cert", "list"], stdout=full,
                                    stderr=subprocess.PIPE, env=environment())
        self.assertEqual(result.returncode, 1)
        self.assertEqual(result.stderr.count(b"\n"), 1)

    def test_nobody_reads_the_errors(self):
        """What a command does, and how it ends, is the same."""
        with open("/dev/full", "wb") as full:
            for code, line in ((0, "cert list"), (1, "cert show 00000000"), (2, "--bogus")):
                result = subprocess.run([ANCHORCTL, "--state", self.state, *line.split()], stdout=subprocess.PIPE,
                                        stderr=full, env=environment())
                self.assertEqual(result.returncode, code, line)


class Init(Case):
    def test_makes_a_cluster(self):
        new = self.folder / "new"
        facts = self.facts("init", "--state", new, "--name", "small", "--host", "a.example.com=192.0.2.1", "--key",
                           "p256")
        self.assertEqual(facts["cluster"], "small")
        self.assertEqual(facts["hosts"], [{"name": "a.example.com", "address": "192.0.2.1", "addresses": ["192.0.2.1"]}])
        self.assertEqual([c["service"] for c in facts["own_certificates"]], ["tvs", "tftp", "tftp-ec", "capf", "recovery"])
        keys = {c["service"]: c["key"] for c in facts["own_certificates"]}
        self.assertEqual(keys, {"tvs": "EC 256", "tftp": "RSA 2048", "tftp-ec": "EC 256", "capf": "EC 256",
                                "recovery": "RSA 2048"})
        self.assertEqual(stat.S_IMODE(new.stat().st_mode), 0o700)
        for key in (new / "keys").iterdir():
            self.assertEqual(stat.S_IMODE(key.stat().st_mode), 0o600)

    def test_prints_no_key_and_says_what_next(self):
        out = self.done("init", "--state", self.folder / "new", "--name", "n", "--host", "h")
        self.assertIn("anchord --state", out)

    def test_refuses_a_second_time(self):
        before = (self.state / "anchord.db").read_bytes()
        self.refused(1, "init", "--state", self.state, "--name", "n", "--host", "h", says=str(self.state))
        self.assertEqual((self.state / "anchord.db").read_bytes(), before)

    def test_hosts_with_several_addresses(self):
        new = self.folder / "new"
        facts = self.facts("init", "--state", new, "--name", "x", "--host", "a=192.0.2.1,2001:db8::1", "--host", "b")
        self.assertEqual(facts["hosts"], [{"name": "a", "address": "192.0.2.1", "addresses": ["192.0.2.1", "2001:db8::1"]},
                                          {"name": "b", "address": None, "addresses": []}])
        self.assertIn("a=192.0.2.1,2001:db8::1, b\n", self.done("--state", new, "status"))
        for service in ("tvs", "tftp", "tftp-ec"):
            exported = self.path("own.pem", self.done("--state", new, "cert", "export", service))
            shown = subprocess.run([harness.client("openssl"), "x509", "-in", exported, "-noout", "-ext", "subjectAltName"],
                                   capture_output=True, text=True)
            self.assertRegex(shown.stdout, r"IP Address:192\.0\.2\.1, IP Address:2001:DB8:0:0:0:0:0:1")

    def test_refuses_addresses_that_are_none(self):
        new = self.folder / "new"
        how = ("init", "--state", new, "--name", "x")
        for host in ("a=", "a=192.0.2.1,", "a=,192.0.2.1", "a=192.0.2.1,,::1", "=192.0.2.1"):
            self.refused(2, *how, "--host", host, says=[host, "NAME=ADDRESS[,ADDRESS]"])
        for host, words in (("a=192.0.2", "not an IPv4 or IPv6"), ("a=192.0.2.1, ::1", "' ::1' of host 'a'"),
                            ("a=::1,0:0::1", "'::1' is given twice"), ("a=[::1]", "not an IPv4 or IPv6")):
            self.refused(1, *how, "--host", host, says=words)
        for other in ("192.0.2.1", "::ffff:192.0.2.1", "::FFFF:C000:201"):
            self.refused(1, *how, "--host", "a=192.0.2.1", "--host", f"b={other}", says="'192.0.2.1' is that of host 'a'")
        self.assertFalse(new.exists())

    def test_lifetimes(self):
        new = self.folder / "new"
        facts = self.facts("init", "--state", new, "--name", "x", "--host", "a", "--host", "b", "--days", "100")
        own = facts["own_certificates"]
        for c in own:
            self.assertIn(c["days_left"], (7304, 7305) if c["service"] == "recovery" else (99, 100))
        self.assertGreater(len({c["not_after"][:16] for c in own if c["service"] != "recovery"}), 1)
        for days in ("0", "-1", "7306", "1.5", "x", ""):
            self.refused(2, "init", "--state", self.folder / "other", "--name", "x", "--host", "a", f"--days={days}", says="--days")
        self.assertFalse((self.folder / "other").exists())

    def test_an_address_has_one_spelling(self):
        facts = self.facts("init", "--state", self.folder / "new", "--name", "x", "--host", "a=::ffff:192.0.2.1,2001:DB8:0::1")
        self.assertEqual(facts["hosts"][0]["addresses"], ["192.0.2.1", "2001:db8::1"])

    def test_numbers_say_their_range_and_unit(self):
        for wrong in ("-1", "x", "1.5", "4294967296"):
            self.refused(2, "--state", self.state, "cert", "add", CERTS / "tvs.crt", "--role", "tvs", f"--ttl={wrong}",
                         says=f"--ttl: '{wrong}' is not a number of seconds from 0 to 4294967295")
        self.refused(2, "--state", self.state, "cert", "regenerate", "capf", "--days", "0",
                     says="'0' is not a number of days from 1 to 7305")
        self.refused(2, "--state", self.state, "itl", "build", "--out", self.folder / "x", "--timestamp", "-1",
                     says="'-1' is not a number of seconds since 1970 from 0 to 4294967295")

    def test_an_empty_value_is_none(self):
        for args in (["phone", "list", "--model", ""], ["phone", "add", "SEP001122334455", "--model", ""],
                     ["cert", "export", "tvs", "--host", ""],
                     ["report", "features", "--model", ""], ["phone", "show", ""], ["init", "--name", "", "--host", "x"]):
            self.refused(2, "--state", self.state, *args, says="it is empty: give a value, or leave it out")

    def test_refuses_what_is_not_a_host(self):
        for host in ("=192.0.2.1", "name=", ""):
            with self.subTest(host):
                self.refused(2, "init", "--state", self.folder / "new", "--name", "n", "--host", host)
        self.refused(1, "init", "--state", self.folder / "new", "--name", "n", "--host", "h" * 200)
        self.refused(1, "init", "--state", self.folder / "new", "--name", "n", "--host", "h", "--country", "USA")
        self.assertFalse((self.folder / "new" / "anchord.db").exists())


class Cert(Case):
    def listed(self):
        return self.facts("--state", self.state, "cert", "list")["certificates"]

    def test_add_show_list(self):
        out = self.ctl("cert", "add", CERTS / "app-ec.crt", "--role", "app-server,tvs", "--ttl", "3600")
        self.assertRegex(out, r"^added [0-9a-f]{10} \(app-server,tvs\) CN=tomcat-ec\.example\.com;OU=Voice")
        last = self.listed()[-1]
        self.assertEqual(len(self.listed()), OWN_CERTIFICATES + 1)
        self.assertEqual((last["roles"], last["ttl"], last["own"]), (["app-server", "tvs"], 3600, None))
        shown = self.facts("--state", self.state, "cert", "show", last["sha256"][:8].upper())
        self.assertEqual(shown, last)
        for text in ("app-server,tvs", "3600 s", last["sha256"], "CN=tomcat-ec.example.com;OU=Voice"):
            self.assertIn(text, self.ctl("cert", "show", last["sha256"]))
        table = self.ctl("cert", "list").splitlines()
        self.assertEqual(len(table), OWN_CERTIFICATES + 2)
        self.assertRegex(table[0], r"^HASH +ROLES +TTL +DAYS LEFT +SUBJECT$")

    def test_add_der_and_add_again(self):
        file = self.path("app.der", der("app-odd"))
        self.ctl("cert", "add", file, "--role", "app-server")
        again = self.facts("--state", self.state, "cert", "add", file, "--role", "ccm", "--ttl", "1")
        self.assertTrue(again["certificates"][0]["replaced"])
        self.assertEqual(self.listed()[-1]["roles"], ["ccm"])
        self.assertEqual(len(self.listed()), OWN_CERTIFICATES + 1)
        self.assertIn("Müller", self.listed()[-1]["subject"])

    def test_add_all_or_none(self):
        good = pem(der("app-ec")) + pem(der("app-odd"))
        self.ctl("cert", "add", self.path("two.pem", good), "--role", "app-server")
        self.assertEqual(len(self.listed()), OWN_CERTIFICATES + 2)
        bad = pem(der("capf")) + pem(der("tvs")[:-9])
        self.refused(1, "--state", self.state, "cert", "add", self.path("bad.pem", bad), "--role", "capf",
                     says="bad.pem")
        self.assertEqual(len(self.listed()), OWN_CERTIFICATES + 2)

    def test_add_what_is_not_a_certificate(self):
        for name, content in (("text.crt", "hello"), ("empty.crt", ""), ("cut.der", der("tvs")[:100]),
                              ("more.der", der("tvs") + b"\0"), ("key.pem", (CERTS / "tvs.key").read_text())):
            with self.subTest(name):
                self.refused(1, "--state", self.state, "cert", "add", self.path(name, content), "--role", "tvs",
                             says=name)
        self.refused(1, "--state", self.state, "cert", "add", self.folder / "none.crt", "--role", "tvs",
                     says="none.crt")
        self.refused(1, "--state", self.state, "cert", "add", self.folder, "--role", "tvs")
        self.assertEqual(len(self.listed()), OWN_CERTIFICATES)

    def test_add_wrong_roles(self):
        for role in ("tv", "", "tvs,", "tvs,tvs", "TVS"):
            with self.subTest(role):
                self.refused(2, "--state", self.state, "cert", "add", CERTS / "tvs.crt", "--role", role,
                             says="--role")

    def test_add_expired_warns(self):
        times = iter((b"200101000000Z", b"210101000000Z"))
        old = re.sub(rb"\d{12}Z", lambda _: next(times), der("app-ec"))
        result = self.run_it("--state", self.state, "cert", "add", self.path("old.der", old), "--role", "tvs")
        self.assertEqual(result.returncode, 0)
        self.assertRegex(result.stderr.decode(), r"^anchorctl: warning: .*HAS EXPIRED on 2021-01-01.*\n"
                         r"anchorctl: warning: no backup holds the present TFTP key: .*\n$")
        self.assertEqual(self.listed()[-1]["days_left"] < 0, True)
        self.assertIn("expired", self.ctl("cert", "list"))
        # Once: it is none of those that end soon.
        with control.FakeService(self.state, control.status):
            said = json.loads(self.run_it("--state", self.state, "status", "--json").stdout)["warnings"]
        self.assertEqual([w for w in said if "90 days" in w], [])
        self.assertEqual(len([w for w in said if "expired" in w]), 1, said)

    def test_names_cannot_steer_the_terminal(self):
        evil = der("app-ec").replace(b"tomcat-ec", b"\x1b[2Jat-ec")
        result = self.run_it("--state", self.state, "cert", "add", self.path("evil.der", evil), "--role", "tvs")
        self.assertNotIn(b"\x1b", result.stdout + result.stderr)
        self.assertNotIn("\x1b", self.ctl("cert", "list"))

    def test_names_cannot_turn_the_line_round(self):
        evil = der("app-ec").replace(b"tomcat-ec", "\u202eta\u009bme".encode()[:9])
        name = "\\u202eta\\u009bme"
        self.assertIn(f"CN={name}", self.ctl("cert", "add", self.path("evil.der", evil), "--role", "tvs"))
        self.assertIn(f"CN={name}", self.ctl("cert", "list"))
        # Programs read what it was, and who looks at the document sees it.
        self.assertTrue(any("\u202eta\u009bme" in one["subject"] for one in self.listed()))
        self.assertIn(name, self.ctl("cert", "list", "--json"))

    def test_show_what_is_not_there(self):
        self.refused(1, "--state", self.state, "cert", "show", "00000000")
        self.refused(1, "--state", self.state, "cert", "show", "xyz")

    def test_ambiguous_prefix(self):
        self.ctl("cert", "add", self.path("many.pem", "".join(map(pem, many_certificates(40)))), "--role", "tvs")
        first = [c["sha256"][0] for c in self.listed()]
        digit = max(set(first), key=first.count)
        self.refused(1, "--state", self.state, "cert", "show", digit)
        self.refused(1, "--state", self.state, "cert", "remove", digit, "--yes")

    def test_remove(self):
        self.ctl("cert", "add", CERTS / "app-ec.crt", "--role", "app-server")
        prefix = self.listed()[-1]["sha256"][:12]
        self.refused(2, "--state", self.state, "cert", "remove", prefix, says="--yes")
        self.assertEqual(len(self.listed()), OWN_CERTIFICATES + 1)
        removed = self.facts("--state", self.state, "cert", "remove", prefix, "--yes")["removed"]
        self.assertTrue(removed["sha256"].startswith(prefix))
        self.assertEqual(len(self.listed()), OWN_CERTIFICATES)
        self.refused(1, "--state", self.state, "cert", "remove", prefix, "--yes")

    def test_remove_asks_on_a_terminal(self):
        self.ctl("cert", "add", CERTS / "app-ec.crt", "--role", "app-server")
        prefix = self.listed()[-1]["sha256"][:12]
        for answer, code, left in ((b"n\n", 1, 1), (b"\n", 1, 1), (b"y\n", 0, 0)):
            ours, theirs = pty.openpty()
            os.write(ours, answer)
            result = self.run_it("--state", self.state, "cert", "remove", prefix, stdin=theirs)
            os.close(ours)
            os.close(theirs)
            self.assertEqual(result.returncode, code, result.stderr)
            self.assertIn(b"[y/N]", result.stderr)
            self.assertEqual(len(self.listed()), OWN_CERTIFICATES + left)

    def test_own_certificates_stay(self):
        for own in [c for c in self.listed() if c["own"]]:
            self.refused(1, "--state", self.state, "cert", "remove", own["sha256"], "--yes")
        self.assertEqual(len(self.listed()), OWN_CERTIFICATES)

    def test_export(self):
        seen = set()
        for args in (["tvs"], ["tvs", "--host", "cucm2.example.com"], ["tftp"], ["tftp-ec"], ["capf"], ["recovery"]):
            text = self.ctl("cert", "export", *args)
            self.assertEqual(text.count("BEGIN CERTIFICATE"), 1)
            seen.add(ssl.PEM_cert_to_DER_cert(text))
        self.assertEqual(len(seen), OWN_CERTIFICATES)
        self.assertEqual(self.ctl("cert", "export", "tvs"),
                         self.ctl("cert", "export", "tvs", "--host", "cucm1.example.com"))
        self.refused(2, "--state", self.state, "cert", "export", "ccm", says="recovery")
        self.refused(2, "--state", self.state, "cert", "export", "tftp", "--host", "cucm1.example.com", says="--host")
        self.refused(1, "--state", self.state, "cert", "export", "tvs", "--host", "x",
                     says=["cucm1.example.com", "cucm2.example.com"])

    def test_killed_amid_adding(self):
        bundle = self.path("many.pem", "".join(map(pem, many_certificates(300))))
        seeded = random.Random(2)
        sizes = set()
        for attempt in range(16):
            state = self.folder / f"killed{attempt}"
            shutil.copytree(pristine, state)
            process = subprocess.Popen([ANCHORCTL, "--state", state, "cert", "add", bundle, "--role", "tvs"],
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment())
            time.sleep(seeded.uniform(0.002, 0.06))
            process.send_signal(signal.SIGKILL)
            process.wait()
            facts = self.facts("--state", state, "cert", "list")
            sizes.add(len(facts["certificates"]))
            # And it can be changed.
            self.done("--state", state, "cert", "add", CERTS / "capf.crt", "--role", "capf")
        self.assertLessEqual(sizes, {OWN_CERTIFICATES, OWN_CERTIFICATES + 300})

    def test_two_at_once(self):
        files = [self.path(f"{i}.der", c) for i, c in enumerate(many_certificates(8))]
        adding = [subprocess.Popen([ANCHORCTL, "--state", self.state, "cert", "add", f, "--role", "tvs"],
                                   stdout=subprocess.DEVNULL, env=environment()) for f in files]
        self.assertEqual([p.wait() for p in adding], [0] * 8)
        self.assertEqual(len(self.listed()), OWN_CERTIFICATES + 8)


VECTOR_TIMESTAMP = {}
for _digest in ("sha1", "sha512"):
    _file = DATA / _digest / "ITLFile.tlv"
    if _file.exists():
        _bytes = _file.read_bytes()
        _at = _bytes.index(b"\x0f\x00\x04", _bytes.index(b"ITLFile.tlv\0"))
        VECTOR_TIMESTAMP[_digest] = struct.unpack(">I", _bytes[_at + 3:_at + 7])[0]


class Itl(Case):
    def vector_arguments(self, digest, out):
        roles = (("ccm+tftp", "tftp"), ("tvs", "tvs"), ("capf", "capf"), ("app-server", "app-ec"),
                 ("app-server", "app-odd"))
        return ["itl", "build", "--sast", CERTS / "tftp.crt", "--sast", CERTS / "recovery.crt",
                *itertools.chain(*(("--role-cert", f"{role}={CERTS}/{name}.crt") for role, name in roles)),
                "--key", CERTS / "tftp.key", "--digest", digest, "--spelling", "open", "--timestamp",
                VECTOR_TIMESTAMP[digest], "--out", out]

    def test_vectors_are_reproduced(self):
        for digest in ("sha1", "sha512"):
            with self.subTest(digest):
                out = self.folder / "ITLFile.tlv"
                facts = self.facts(*self.vector_arguments(digest, out))
                self.assertEqual(out.read_bytes(), (DATA / digest / "ITLFile.tlv").read_bytes())
                self.assertEqual((facts["digest"], len(facts["records"])), (digest, 7))

    def test_vectors_are_accepted(self):
        for digest in ("sha1", "sha512"):
            file = DATA / digest / "ITLFile.tlv"
            self.assertIn("valid: 7 records", self.done("itl", "verify", file))
            facts = self.facts("itl", "verify", file, "--signer", CERTS / "tftp.crt")
            self.assertEqual((facts["valid"], facts["signer_given"], facts["records"]), (True, True, 7))
            self.assertFalse(self.facts("itl", "verify", file)["signer_given"])

    def test_changed_bytes_are_refused(self):
        whole = (DATA / "sha512" / "ITLFile.tlv").read_bytes()
        file = self.folder / "changed.tlv"
        for at in range(0, len(whole), 397):
            changed = bytearray(whole)
            changed[at] ^= 1
            file.write_bytes(changed)
            with self.subTest(at=at):
                self.refused(1, "itl", "verify", file, says=["changed.tlv", "refused"])
        for content in (b"", whole[:-1], whole + b"\0", whole[:500], b"\0" * 70000, b"\xff" * 64):
            file.write_bytes(content)
            self.refused(1, "itl", "verify", file, says=["changed.tlv", "refused"])

    def test_refusal_as_json(self):
        result = self.run_it("itl", "verify", self.path("bad.tlv", b"bad"), "--json")
        self.assertEqual(result.returncode, 1)
        self.assertEqual(result.stderr.count(b"\n"), 1)
        self.assertFalse(json.loads(result.stdout)["valid"])

    def test_other_signer_is_refused(self):
        file = DATA / "sha512" / "ITLFile.tlv"
        for other in ("recovery", "tvs", "app-ec"):
            self.refused(1, "itl", "verify", file, "--signer", CERTS / f"{other}.crt", says="refused")
        self.refused(1, "itl", "verify", file, "--signer", CERTS / "tftp.key", says="tftp.key")
        self.refused(1, "itl", "verify", self.folder / "none", says="none")

    def test_show_vector(self):
        file = DATA / "sha1" / "ITLFile.tlv"
        facts = self.facts("itl", "show", file)
        self.assertEqual([r["role"] for r in facts["records"]],
                         ["sast", "sast", "ccm+tftp", "tvs", "capf", "app-server", "app-server"])
        self.assertEqual((facts["version"], facts["signer_version"], facts["file_name"], facts["header_length"]),
                         ("1.2", "1.0", "ITLFile.tlv", 496))
        self.assertEqual(facts["signer"]["serial"], "3e9d1cc562f586c9c183da69824026895d8d8e37")
        self.assertEqual(facts["records"][5]["subject"], "C=US,O=Example Corp,OU=Voice,CN=tomcat-ec.example.com")
        self.assertIsNone(facts["records"][0]["dns_name"])
        text = self.done("itl", "show", file)
        for record in facts["records"]:
            for field in ("role", "subject", "serial", "sha256"):
                self.assertIn(record[field], text)
        self.refused(1, "itl", "show", self.path("bad.tlv", b"bad"), says="bad.tlv")

    def test_build_from_store(self):
        out = self.folder / "ITLFile.tlv"
        self.ctl("itl", "build", "--out", out)
        first = out.read_bytes()
        self.ctl("itl", "build", "--out", out)
        self.assertEqual(out.read_bytes(), first, "nothing changed: the same bytes")
        signer = self.path("tftp.pem", self.ctl("cert", "export", "tftp"))
        self.assertTrue(self.facts("itl", "verify", out, "--signer", signer)["valid"])
        facts = self.facts("--state", self.state, "itl", "show")
        self.assertEqual([r["role"] for r in facts["records"]], ["sast", "sast", "tftp", "tftp", "tvs", "tvs", "capf"])
        self.assertEqual([r["dns_name"] for r in facts["records"] if r["role"] == "tvs"],
                         ["cucm1.example.com", "cucm2.example.com"])
        self.assertEqual((facts["signer_version"], facts["digest"], facts["size"]), ("1.1", "sha512", len(first)))

    def test_build_refuses(self):
        tftp, key, out = CERTS / "tftp.crt", CERTS / "tftp.key", self.folder / "out.tlv"
        base = ["itl", "build", "--out", out]
        for code, args, says in (
                (2, ["--sast", tftp], "--key"),
                (2, ["--key", key], "--sast"),
                (2, ["--digest", "sha1"], "--sast"),
                (2, ["--sast", tftp, "--key", key, "--digest", "md5"], "--digest"),
                (2, ["--sast", tftp, "--key", key, "--role-cert", "tvs"], "ROLE=FILE"),
                (2, ["--sast", tftp, "--key", key, "--role-cert", f"boss={tftp}"], "boss"),
                (2, ["--sast", tftp, "--key", key, "--signer-version", "2.0"], "--signer-version"),
                (2, ["--sast", tftp, "--key", key, "--timestamp", "-1"], "--timestamp"),
                (1, ["--sast", tftp, "--key", CERTS / "tvs.key"], "tvs.key"),
                (1, ["--sast", tftp, "--key", tftp], "tftp.crt"),
                (1, ["--sast", CERTS / "app-ec.crt", "--key", CERTS / "app-ec.key"], "RSA"),
                (1, ["--sast", tftp, "--sast", CERTS / "recovery.crt", "--sast", CERTS / "tvs.crt", "--key", key],
                 "")):
            with self.subTest(args=args):
                error = self.refused(code, *base, *args, says=says)
                self.assertNotIn("PRIVATE", error)
                self.assertFalse(out.exists())
        self.refused(1, "--state", self.state, "itl", "build", "--out", self.folder / "no" / "folder", says="folder")

    def test_too_large_for_phones(self):
        many = [self.path(f"{i}.der", c) for i, c in enumerate(many_certificates(90))]
        roles = itertools.chain(*(("--role-cert", f"app-server={f}") for f in many))
        self.refused(1, "itl", "build", "--out", self.folder / "x", "--sast", CERTS / "tftp.crt", "--key",
                     CERTS / "tftp.key", *roles, says=["leave out", "tomcat-ec"])


class File(Case):
    NAME = "SEP001122334455.cnf.xml"

    def signed(self, digest):
        return DATA / digest / f"{self.NAME}.sgn"

    def test_vectors_are_reproduced(self):
        for digest in ("sha1", "sha512"):
            with self.subTest(digest):
                plain, out = self.folder / self.NAME, self.folder / f"{self.NAME}.sgn"
                self.done("file", "strip", self.signed(digest), "--out", plain)
                timestamp = self.facts("file", "show", self.signed(digest))["timestamp"]
                self.done("file", "sign", plain, "--digest", digest, "--cert", CERTS / "tftp.crt", "--key",
                          CERTS / "tftp.key", "--spelling", "open", "--timestamp", timestamp)
                self.assertEqual(out.read_bytes(), self.signed(digest).read_bytes())

    def test_sign_with_the_store(self):
        content = bytes(range(256)) * 9
        file, out = self.path("tones.xml", content), self.folder / "out.sgn"
        facts = self.facts("--state", self.state, "file", "sign", file, "--out", out, "--name",
                           "New_Zealand/tones.xml.sgn")
        self.assertEqual((facts["name"], facts["size"]), ("New_Zealand/tones.xml.sgn", out.stat().st_size))
        self.assertIn("valid: New_Zealand/tones.xml.sgn", self.ctl("file", "verify", out))
        self.assertEqual(self.run_it("file", "strip", out).stdout, content)
        shown = self.facts("file", "show", out)
        self.assertEqual((shown["version"], shown["digest"], shown["content_size"], shown["encryption"]),
                         ("1.0", "sha512", len(content), None))
        self.refused(1, "file", "verify", out, "--cert", CERTS / "tftp.crt", says="refused")

    def test_verify(self):
        file = self.signed("sha512")
        self.assertIn("valid", self.done("file", "verify", file, "--cert", CERTS / "tftp.crt"))
        self.assertTrue(self.facts("file", "verify", file, "--cert", CERTS / "tftp.crt")["valid"])
        self.assertFalse(self.facts("file", "verify", file, "--cert", CERTS / "tvs.crt", code=1)["valid"])
        whole, changed_file = file.read_bytes(), self.folder / "changed.sgn"
        for at in [*range(0, len(whole), 29), len(whole) - 1]:
            changed = bytearray(whole)
            changed[at] ^= 0x10
            changed_file.write_bytes(changed)
            with self.subTest(at=at):
                self.refused(1, "file", "verify", changed_file, "--cert", CERTS / "tftp.crt", says="changed.sgn")

    def test_show_encrypted(self):
        file = DATA / "sha512" / f"{self.NAME}.enc.sgn"
        facts = self.facts("file", "show", file)
        self.assertEqual((facts["version"], facts["encryption"]["key_bits"]), ("2.0", 2048))
        self.assertIn("encrypted", self.done("file", "show", file))

    def test_refusals(self):
        file = self.path("x.xml", "x")
        self.refused(2, "file", "sign", file, says=["--cert", "--state"])
        self.refused(2, "file", "sign", file, "--cert", CERTS / "tftp.crt", says="--key")
        self.refused(2, "file", "verify", self.signed("sha1"), says=["--cert", "--state"])
        self.refused(1, "file", "sign", file, "--cert", CERTS / "tftp.crt", "--key", CERTS / "tvs.key",
                     says="tvs.key")
        self.refused(1, "file", "sign", self.folder / "none", "--cert", CERTS / "tftp.crt", "--key",
                     CERTS / "tftp.key", says="none")
        for command in ("show", "strip"):
            self.refused(1, "file", command, file, says="x.xml")
            # A trust list is no signed file.
            self.refused(1, "file", command, DATA / "sha1" / "ITLFile.tlv", says="ITLFile.tlv")
        self.assertEqual(sorted(p.name for p in self.folder.iterdir()), ["state", "x.xml"])


def message(command, session, items):
    body = b"".join(struct.pack(">BH", tag, len(value)) + value for tag, value in items)
    return struct.pack(">BBBBIH", 0x57, 1, command, 0, session, len(body)) + body


class Tvs(Case):
    """Against a stand-in server, so that wrong and hostile answers can be given too."""

    ROLES_AND_TTL = [(8, bytes([0, 2])), (9, struct.pack(">I", 86400))]

    def serve(self, answer, certificate="tvs", versions=(ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)):
        """Answers one connection with answer(session, items); its result is sent in pieces."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(CERTS / f"{certificate}.crt", CERTS / f"{certificate}.key")
        context.minimum_version, context.maximum_version = versions
        listener = socket.create_server(("127.0.0.1", 0))
        self.request = None

        def run():
            try:
                with listener.accept()[0] as raw, context.wrap_socket(raw, server_side=True) as peer:
                    header = self.receive(peer, 10)
                    self.request = header + self.receive(peer, struct.unpack(">H", header[8:])[0])
                    reply = answer(struct.unpack(">I", header[4:8])[0])
                    for at in range(0, len(reply), 700):
                        peer.sendall(reply[at:at + 700])
            except (OSError, ssl.SSLError):
                pass

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        self.addCleanup(thread.join, 5)
        self.addCleanup(listener.close)
        return ["--host", "127.0.0.1:%d" % listener.getsockname()[1], "--tvs-cert", CERTS / "tvs.crt"]

    @staticmethod
    def receive(peer, count):
        out = b""
        while len(out) < count:
            part = peer.recv(count - len(out))
            if not part:
                raise OSError("ended")
            out += part
        return out

    def found(self, name="tftp", command=4):
        return lambda session: message(command, session, [(7, b"\0"), (2, der(name)), *self.ROLES_AND_TTL])

    def query(self, *more):
        return ["tvs", "query", "--issuer", "CN=cucm1.example.com;OU=Voice;O=Example Corp;L=San Jose;ST=California;C=US",
                "--serial", "3E:9D:1C:C5:62:F5:86:C9:C1:83:DA:69:82:40:26:89:5D:8D:8E:37", *more]

    def test_verify_valid(self):
        server = self.serve(lambda s: message(2, s, [(7, b"\0"), *self.ROLES_AND_TTL]))
        facts = self.facts("tvs", "verify", CERTS / "app-odd.crt", *server, "--device", "CP-8861-SEPB000B4BA0AEE")
        self.assertEqual((facts["valid"], facts["roles"], facts["ttl"], facts["tls"]),
                         (True, ["sast", "ccm+tftp"], 86400, "TLSv1.3"))
        session = self.request[4:8]
        self.assertEqual(self.request, message(1, struct.unpack(">I", session)[0],
                                               [(1, b"\x01CP-8861-SEPB000B4BA0AEE"), (2, der("app-odd"))]))

    def test_verify_in_words(self):
        server = self.serve(lambda s: message(2, s, [(7, b"\0"), *self.ROLES_AND_TTL]))
        out = self.done("tvs", "verify", CERTS / "tvs.crt", *server)
        for words in ("valid: CN=TVS-cucm1", "sast,ccm+tftp", "86400 s"):
            self.assertIn(words, out)

    def test_verify_invalid(self):
        server = self.serve(lambda s: message(2, s, [(7, b"\1")]))
        result = self.run_it("tvs", "verify", CERTS / "tvs.crt", *server)
        self.assertEqual((result.returncode, result.stderr), (1, b""))
        self.assertTrue(result.stdout.startswith(b"invalid: "))
        server = self.serve(lambda s: message(2, s, [(7, b"\1")]))
        self.assertFalse(self.facts("tvs", "verify", CERTS / "tvs.crt", *server, code=1)["valid"])

    def test_query(self):
        out = self.folder / "found.pem"
        facts = self.facts(*self.query("--out", out), *self.serve(self.found()))
        self.assertEqual((facts["found"], facts["roles"]), (True, ["sast", "ccm+tftp"]))
        self.assertTrue(facts["certificate"]["subject"].startswith("CN=cucm1.example.com;OU=Voice;"))
        self.assertEqual(ssl.PEM_cert_to_DER_cert(out.read_text()), der("tftp"))
        self.assertIn(b"\x05\x00\x14\x3e\x9d\x1c\xc5", self.request)

    def test_query_request_is_the_vector(self):
        name = "CN=cucm1.example.com;OU=Voice;O=Example Corp;L=San Jose;ST=California;C=US"
        self.done(*self.query("--subject", name, "--device", "CP-8861-SEP001122334455"), *self.serve(self.found()))
        vector = bytearray.fromhex((DATA / "tvs" / "query-request-tftp.hex").read_text())
        vector[4:8] = self.request[4:8]
        self.assertEqual(self.request, bytes(vector))

    def test_query_not_found(self):
        server = self.serve(lambda s: message(4, s, [(7, b"\1")]))
        result = self.run_it(*self.query(), *server)
        self.assertEqual((result.returncode, result.stdout, result.stderr), (1, b"not found\n", b""))

    def test_query_answered_with_another_certificate(self):
        out = self.folder / "found.pem"
        self.refused(1, *self.query("--out", out), *self.serve(self.found("recovery")), says="not asked for")
        self.refused(1, *self.query("--out", out, "--subject", "CN=other"), *self.serve(self.found()),
                     says="not asked for")
        broken = lambda s: message(4, s, [(7, b"\0"), (2, der("tftp")[:-1]), *self.ROLES_AND_TTL])
        self.refused(1, *self.query("--out", out), *self.serve(broken), says="malformed")
        self.assertFalse(out.exists())

    def test_wrong_answers(self):
        valid = [(7, b"\0"), *self.ROLES_AND_TTL]
        answers = {
            "another session": lambda s: message(2, s ^ 1, valid),
            "another command": lambda s: message(4, s, [(7, b"\0"), (2, der("tvs")), *self.ROLES_AND_TTL]),
            "a request": lambda s: message(1, s, [(2, der("tvs"))]),
            "no status": lambda s: message(2, s, self.ROLES_AND_TTL),
            "two statuses": lambda s: message(2, s, [(7, b"\0"), *valid]),
            "two messages": lambda s: message(2, s, valid) * 2,
            "cut": lambda s: message(2, s, valid)[:-1],
            "nothing": lambda s: b"",
            "item beyond the body": lambda s: message(2, s, valid)[:-7] + b"\x09\xff\xff\0\0\0\0",
            "too long": lambda s: struct.pack(">BBBBIH", 0x57, 1, 2, 0, s, 0xffff) + b"x" * 70000,
            "endless garbage": lambda s: b"\0" * 200000,
            "other protocol": lambda s: b"\x55" + message(2, s, valid)[1:],
        }
        for name, answer in answers.items():
            with self.subTest(name):
                self.refused(1, "tvs", "verify", CERTS / "tvs.crt", *self.serve(answer), says="127.0.0.1:")

    def test_server_with_another_certificate(self):
        asked = []
        server = self.serve(lambda s: asked.append(s) or b"", certificate="capf")
        self.refused(1, "tvs", "verify", CERTS / "tvs.crt", *server, says="--tvs-cert")
        self.assertEqual(asked, [])

    def test_tls_versions(self):
        only_1_2 = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2)
        server = self.serve(lambda s: message(2, s, [(7, b"\0"), *self.ROLES_AND_TTL]), versions=only_1_2)
        self.assertEqual(self.facts("tvs", "verify", CERTS / "tvs.crt", *server)["tls"], "TLSv1.2")
        server = self.serve(lambda s: b"", versions=only_1_2)
        self.refused(1, "tvs", "verify", CERTS / "tvs.crt", *server, "--tls-min", "1.3", says="TLS")
        self.refused(2, "tvs", "verify", CERTS / "tvs.crt", *server, "--tls-min", "1.4", says="--tls-min")
        self.refused(2, "tvs", "verify", CERTS / "tvs.crt", *server, "--tls-max", "1.1", says="--tls-min")

    def test_nobody_there(self):
        port = unused_port(socket.SOCK_STREAM)
        args = ["tvs", "verify", CERTS / "tvs.crt", "--tvs-cert", CERTS / "tvs.crt", "--host"]
        self.refused(1, *args, f"127.0.0.1:{port}", says=f"127.0.0.1:{port}")
        self.refused(1, *args, f"[::1]:{port}", says=f"[::1]:{port}")
        self.refused(1, *args, "no-such-host.invalid", says="no-such-host.invalid:2445")

    def test_wrong_command_lines(self):
        verify = ["tvs", "verify", CERTS / "tvs.crt", "--tvs-cert", CERTS / "tvs.crt", "--host"]
        for host in ("", ":2445", "::1", "[::1", "h:0", "h:65536", "h:port", "[::1]2445", "h:1:2", "h:"):
            with self.subTest(host):
                self.refused(2, *verify, host, says="--host")
        query = ["tvs", "query", "--host", "127.0.0.1:1", "--tvs-cert", CERTS / "tvs.crt"]
        for serial in ("", "xyz", "0x", "-", "01" * 1025):
            self.refused(2, *query, "--issuer", "CN=a", "--serial", serial, says="--serial")
        for issuer in ("nothing", "", "CN=" + "a" * 70000):
            self.refused(2, *query, "--serial", "01", "--issuer", issuer, says="--issuer")
        self.refused(2, *verify, "h", "--device", "d" * 256, says="--device")
        self.refused(1, "tvs", "verify", CERTS / "tvs.crt", "--host", "h", "--tvs-cert", CERTS / "tvs.key",
                     says="tvs.key")


class Audit(Case):
    def entries(self, *args, **how):
        return self.facts("--state", self.state, "audit", *args, **how)["entries"]

    def test_who_did_what_and_when(self):
        begin = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        self.ctl("cert", "add", CERTS / "app-ec.crt", "--role", "app-server", env=environment(SUDO_USER="alice"))
        self.ctl("mode", "set", "mixed", "--hosts-agree")
        self.ctl("mode", "set", "nonsecure", "--force", "--yes")
        forced, changed, added = self.entries()[:3]
        for entry, words in ((forced, "nonsecure"), (changed, "mixed"), (added, "app-server")):
            self.assertIn(words, entry["what"])
            self.assertGreaterEqual(entry["time"], begin)
        me = pwd.getpwuid(os.geteuid()).pw_name
        self.assertEqual([e["who"] for e in (forced, changed, added)], [me, me, f"{me} (sudo by alice)"])
        self.assertEqual([e["forced"] for e in (forced, changed, added)], [True, False, False])
        lines = self.ctl("audit").splitlines()
        self.assertEqual(lines[0].split(), ["TIME", "WHO", "FORCED", "WHAT"])
        self.assertRegex(lines[1], rf"^20\S+Z  {me} +FORCED  .*nonsecure")
        self.assertRegex(lines[2], rf"^20\S+Z  {me} +-  .*mixed")

    def test_as_many_as_asked_for(self):
        self.ctl("cert", "add", CERTS / "app-ec.crt", "--role", "app-server")
        every = self.entries()
        self.assertGreater(len(every), 1)
        first = self.facts("--state", self.state, "audit", "--limit", "1")
        self.assertEqual(first, {"entries": every[:1], "more": True})
        self.assertIn("there are older entries", self.ctl("audit", "--limit", "1"))
        whole = self.facts("--state", self.state, "audit", "--limit", len(every))
        self.assertEqual(whole, {"entries": every, "more": False})
        self.assertNotIn("there are older entries", self.ctl("audit", "--limit", len(every)))
        for limit in ("0", "-1", "many", "1000001", ""):
            self.refused(2, "--state", self.state, "audit", "--limit", limit, says="--limit")


class Status(Case):
    def test_not_running(self):
        facts = self.facts("--state", self.state, "status")
        self.assertEqual((facts["cluster"], facts["mode"]), ("demo", "nonsecure"))
        self.assertEqual(len(facts["own_certificates"]), OWN_CERTIFICATES)
        self.assertEqual(facts["certificates"]["total"], OWN_CERTIFICATES)
        self.assertEqual(facts["certificates"]["by_role"]["tvs"], 2)
        self.assertIsNone(facts["itl"])
        self.assertFalse(facts["service"]["running"])
        self.assertEqual([w for w in facts["warnings"] if "no backup" not in w and "no service runs" not in w], [])
        self.assertEqual(facts["backup"], {"last": None, "holds_tftp_key": False})
        text = self.ctl("status")
        for words in ("demo", "nonsecure", "cucm1.example.com=127.0.0.1", "not running", "not built yet"):
            self.assertIn(words, text)

    def test_what_needs_a_person_comes_first(self):
        """And only then the facts; nothing of it stands elsewhere."""
        result = self.run_it("--state", self.state, "status")
        lines = result.stdout.decode().splitlines()
        warned = self.facts("--state", self.state, "status")["warnings"]
        self.assertEqual(lines[:4], ["2 things need a person:", *(f"  - {w}" for w in warned), ""])
        self.assertTrue(lines[1].startswith("  - no service runs on this state: phones get no answers"), lines)
        self.assertRegex(lines[4], r"^cluster +demo$")
        self.assertEqual((result.returncode, result.stderr), (1, b""))
        (self.folder / "secret").write_text("correct horse battery\n")
        self.ctl("backup", "create", self.folder / "backup", "--passphrase-file", self.folder / "secret")
        self.assertEqual(self.ctl("status").splitlines()[0], "1 thing needs a person:")
        odd = {"file": "provisioning/x.xml", "reason": "has what XML does not allow", "since": 0}
        with control.FakeService(self.state, lambda: control.status(provisioning={"warnings": [odd], "warning_count": 1})):
            said = self.ctl("status").splitlines()
        self.assertEqual(said[:3], [
            "nothing needs a person", "to be known, with nothing to be done at once:",
            "  - 'provisioning/x.xml' has what XML does not allow; it is served as it is (since 1970-01-01T00:00:00Z)"])

    def test_counters_that_are_zero(self):
        counters = {"tvs_asked": 3, "tvs_wrong": 0, "tvs_lost": 0}
        with control.FakeService(self.state, lambda: control.status(counters=counters)):
            text = self.ctl("status")
            every = self.run_it("--state", self.state, "status", "--all").stdout.decode()
            self.assertEqual(self.facts("--state", self.state, "status")["service"]["status"]["counters"], counters)
        self.assertRegex(text, r"(?m)^  counters\.tvs_asked +3$")
        self.assertNotIn("tvs_wrong", text)
        self.assertRegex(text, r"(?m)^  draining +false$")
        hidden = int(re.search(r"(\d+) values are zero: --all shows them", text)[1])
        self.assertRegex(every, r"(?m)^  counters\.tvs_wrong +0$")
        self.assertNotIn("values are zero", every)
        self.assertEqual(len(every.splitlines()), len(text.splitlines()) - 1 + hidden)

    def test_itl(self):
        self.ctl("itl", "show")
        itl = self.facts("--state", self.state, "status")["itl"]
        self.assertEqual((itl["current"], itl["digest"], itl["records"]), (True, "sha512", 7))
        self.assertIn("current", self.ctl("status"))

    def test_whenever_a_person_is_needed_the_exit_code_says_so(self):
        (self.folder / "secret").write_text("correct horse battery\n")
        self.ctl("backup", "create", self.folder / "backup", "--passphrase-file", self.folder / "secret")
        problem = {"file": "x.xml", "reason": "is broken", "since": 0, "served": "nothing"}
        for warning, part in (
                (None, {}),
                ("the ledger cannot be written", {"ledger": {"problem": "disk full"}}),
                ("the newest state is not in service", {"snapshot": {"problem": "no key"}}),
                ("1 address is answered slowly", {"devices": {"guessing": {"192.0.2.1": 1}}}),
                ("2 addresses are answered slowly", {"devices": {"guessing": {"192.0.2.1": 1, "192.0.2.2": 1}}}),
                ("'ITLSEP001122334455.tlv' is not served", {"own_lists": {"withdrawn": {"ITLSEP001122334455.tlv": "it would lock it"}}}),
                ("'x.xml' is broken", {"provisioning": {"problems": [problem], "problem_count": 1}}),
                ("6 more files are refused than are shown",
                 {"provisioning": {"problems": [problem], "problem_count": 7}})):
            with self.subTest(warning):
                with control.FakeService(self.state, lambda said=control.status(**part): said):
                    result = self.run_it("--state", self.state, "status", "--json")
                warnings = json.loads(result.stdout)["warnings"]
                self.assertEqual(result.returncode, 1 if warning else 0, warnings)
                self.assertEqual(len(warnings) > 0, warning is not None, warnings)
                self.assertTrue(warning is None or [w for w in warnings if w.startswith(warning)], warnings)

    def test_changes_are_told(self):
        with control.FakeService(self.state, lambda: control.status(ledger={"noted": 3, "written": 3})) as service:
            self.ctl("cert", "add", CERTS / "app-ec.crt", "--role", "app-server")
            self.ctl("cert", "list")
            prefix = self.facts("--state", self.state, "cert", "list")["certificates"][-1]["sha256"]
            self.ctl("cert", "remove", prefix, "--yes")
        # Before what could lock a phone it is asked whether it has written down what phones have.
        self.assertEqual(service.asked, [json.loads(control.request(kind)) for kind in ("changed", "status", "changed")])

    def test_damaged_states(self):
        (self.state / "anchord.db").write_bytes(random.Random(1).randbytes(20000))
        for line in ("status", "cert list", "itl show", "itl build --out x", "cert show ab"):
            self.refused(1, "--state", self.state, *line.split(), says="anchord.db")

    def test_a_key_that_others_may_read(self):
        next((self.state / "keys").glob("tftp*")).chmod(0o644)
        self.refused(1, "--state", self.state, "itl", "build", "--out", self.folder / "x", says="chmod")
        self.ctl("status")


if __name__ == "__main__":
    harness.main()
