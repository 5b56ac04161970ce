"""anchord --explain: it says what a start here would do, and what it says is what a start does."""

import concurrent.futures
import contextlib
import ctypes
import json
import os
import pathlib
import re
import resource
import socket
import sqlite3
import unittest
from unittest import mock

import harness
from harness import Service, Tvs, der, is_valid, run, verify_request

CAP_NET_BIND_SERVICE, CAP_NET_ADMIN, CAP_LEASE = 10, 12, 28
PR_CAPBSET_DROP = 24
MIB = 1 << 20
# For who may not have port 69; and another test may have the others just now.
ANY_PORTS = tuple(word for service in ("tvs", "tftp", "http", "https") for word in (f"--{service}-port", "auto"))


def drop(*capabilities):
    """Of a program that root starts, once it is started."""
    libc = ctypes.CDLL(None, use_errno=True)
    for capability in capabilities:
        if libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl")


def largest_buffer():
    """net.core.rmem_max, by what a socket gets: a network namespace does not show it before Linux 6.10."""
    with socket.socket(type=socket.SOCK_DGRAM) as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, (1 << 31) - 1)
        return s.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) // 2


def explain(*flags, **how):
    """The facts. Standard error must be empty, the exit code 1 when a start would fail, and both forms must say the same
    warnings."""
    def ask(*more):
        result = run(harness.program("anchord"), "--explain", *flags, *more, **how)
        assert result.stderr == b"", result.stderr.decode()
        codes.add(result.returncode)
        return result.stdout.decode()
    codes = set()
    facts, text = json.loads(ask("--json")), ask()
    assert codes == {1 if facts["problems"] else 0}, (codes, facts["problems"])
    for line in facts["problems"] + facts["warnings"]:
        assert f"  {line}\n" in text, (line, text)
    return facts


def setting(facts, flag):
    (found,) = (s for s in facts["settings"] if s["flag"] == flag)
    return found["value"], found["from"]


class Settings(harness.Case):
    def test_where_each_comes_from(self):
        config = self.folder / "anchord.toml"
        config.write_text('shards = "3"\nudp-buffers = 512\nlisten = ["127.0.0.1", "::1"]\ntls-min = "1.3"\n')
        facts = explain("--config", config, "--tls-min", "1.2", "--no-pin", "--state", self.state)
        self.assertEqual(setting(facts, "--state"), (str(self.state), "command line"))
        self.assertEqual(setting(facts, "--config"), (str(config), "command line"))
        self.assertEqual(setting(facts, "--shards"), ("3", "config file"))
        self.assertEqual(setting(facts, "--udp-buffers"), ("512", "config file"))
        self.assertEqual(setting(facts, "--listen"), ("127.0.0.1, ::1", "config file"))
        self.assertEqual(setting(facts, "--tls-min"), ("1.2", "command line"))
        self.assertEqual(setting(facts, "--pin"), ("no", "command line"))
        self.assertEqual(setting(facts, "--tcp-buffers"), ("512", "default"))
        self.assertIn("AES128-SHA", setting(facts, "--tls-ciphers")[0])
        self.assertEqual((facts["shards"]["count"], facts["shards"]["core_of_shard"]), (3, []))
        self.assertEqual(facts["shards"]["each"]["udp_buffers"], 512)

    def test_every_flag_of_the_help_is_there(self):
        shown = run(harness.program("anchord"), "--help").stdout.decode()
        flags = set(re.findall(r"^ +(?:-[hV],)?(--[a-z-]+)", shown, re.M))
        flags -= {"--help", "--version", "--explain", "--json", "--check-config", "--example-config"}
        told = {s["flag"] for s in explain()["settings"]}
        self.assertEqual(told, flags)
        self.assertGreater(len(told), 25)

    def test_the_environment_gives_the_state(self):
        facts = json.loads(run("env", f"ANCHORD_STATE={self.state}", harness.program("anchord"), "--explain",
                               "--json").stdout)
        self.assertEqual(setting(facts, "--state"), (str(self.state), "environment"))
        self.assertFalse([p for p in facts["problems"] if "--state" in p])

    def test_wrong_command_lines(self):
        for flags, says in ((["--explain", "--shards", "x"], "--shards"), (["--json"], "--state"),
                            (["--json", "--state", self.state], "--explain"),
                            *((["--state", self.state, "--busy-poll", bad], "--busy-poll")
                              for bad in ("10001", "-1", "1.5", "x", ""))):
            with self.subTest(flags):
                result = run(harness.program("anchord"), *flags)
                self.assertEqual((result.returncode, result.stdout), (2, b""))
                self.assertRegex(result.stderr.decode(), rf"\Aanchord: .*{says}.*\n\Z")

    def test_not_from_a_config_file(self):
        config = self.folder / "anchord.toml"
        config.write_text(f'state = "{self.state}"\nexplain = true\n')
        self.assertEqual(run(harness.program("anchord"), "--config", config).returncode, 2)


class Nothing(harness.Case):
    def test_is_served_or_changed(self):
        before = {p: p.stat().st_mtime_ns for p in self.state.rglob("*")}
        facts = explain("--state", self.state, "--listen", "127.0.0.1", *ANY_PORTS)
        self.assertEqual(facts["problems"], [])
        self.assertEqual({p: p.stat().st_mtime_ns for p in self.state.rglob("*")}, before)

    def test_is_needed_of_the_state_directory(self):
        (problem,) = explain(*ANY_PORTS)["problems"]
        self.assertIn("--state or ANCHORD_STATE", problem)
        absent = self.folder / "absent"
        (problem,) = explain("--state", absent, *ANY_PORTS)["problems"]
        self.assertIn(str(absent), problem)
        self.assertFalse(absent.exists())

    def test_a_host_that_is_none_of_the_cluster(self):
        flags = ("--state", self.state, *ANY_PORTS, "--host")
        (problem,) = explain(*flags, "cucm3")["problems"]
        self.assertEqual(problem, "host 'cucm3' is not one of the cluster's: --host takes cucm1, cucm2")
        facts = explain(*flags, "cucm2")
        self.assertEqual((facts["problems"], facts["host"]), ([], "cucm2"))

    def test_an_address_that_is_not_this_machines(self):
        flags = ("--listen", "127.0.0.1", "--listen", "192.0.2.77", *ANY_PORTS)
        (problem,) = explain("--state", self.state, *flags)["problems"]
        self.assertIn("--listen 192.0.2.77: this machine has no such address", problem)
        refused = run(harness.program("anchord"), "--state", self.state, *flags)
        self.assertEqual(refused.returncode, 1)
        self.assertRegex(refused.stderr.decode(), r"192\.0\.2\.77.*this machine has no such address: look at --listen\n\Z")

    def test_stops_it_while_a_service_runs(self):
        with Service(self.state) as service:
            facts = explain("--state", self.state, "--listen", "127.0.0.1", *ANY_PORTS[2:], "--tvs-port",
                            service.tvs[0][1])
            self.assertEqual(facts["problems"], [])
            self.assertTrue([w for w in facts["warnings"] if f"pid {service.status()['pid']}" in w], facts["warnings"])


class Configuration(harness.Case):
    """--check-config, and what a start and SIGHUP say of the same file."""

    def write(self, text):
        self.config = self.folder / "anchord.toml"
        self.config.write_text(text)
        return self.config

    def check(self, text, *flags):
        result = run(harness.program("anchord"), "--config", self.write(text), "--check-config", *flags)
        return result.returncode, result.stdout.decode(), result.stderr.decode().replace(str(self.config), "FILE")

    def test_a_good_one(self):
        for text in (f'# ours\nstate = "{self.state}"\n\nlisten = ["127.0.0.1", # one\n  "::1",\n]\nno-pin = true\n',
                     "tls-min = '1.2'\nshards = 3\nallow = [\"10.0.0.0/8\"]\n",
                     "\ufefftls-min = '1.2'\r\nuser = \"root\"\r\n\"max-connections\" = 10_000 # all\r\n"):
            code, out, error = self.check(text)
            self.assertEqual((code, error), (0, ""))
            self.assertIn(": 3 settings, nothing wrong\n", out)
        self.assertIn(": 0 settings", self.check("")[1])

    def test_every_mistake_is_named_with_its_line(self):
        code, out, error = self.check(f'# ours\nstate = "{self.state}"\n\nudp-buffers = 100\nlisten = ["127.0.0.1",\n "localhost"]\n'
                                      'frobnicate = 1\ntvs-port = "x"\nshards = 0\nlog-level = "loud"\n'
                                      'explain = true\nno-pin = true\npin = true\n[tvs]\nudp-buffers = 512\n')
        self.assertEqual((code, out), (2, ""))
        lines = error.splitlines()
        told = [(4, "power of two"), (5, "localhost"), (7, "there is no setting 'frobnicate'"), (8, "--tvs-port"),
                (9, "--shards"), (10, "--log-level"), (11, "explain"), (13, "a second time"), (14, "there are no sections")]
        self.assertEqual(len(lines), len(told), error)
        for line, (number, words) in zip(lines, told):
            self.assertTrue(line.startswith(f"anchord: FILE:{number}: "), line)
            self.assertIn(words, line)
        self.assertNotIn("INI", error)

    def test_what_this_machine_has_not_is_named_with_its_line(self):
        good = f'state = "{self.state}"\n'
        for text, number, says in (
                ('user = "nobody-of-that-name"\n', 2, "there is no user 'nobody-of-that-name'"),
                ('# x\ntls-ciphers = "NONSENSE"\n', 3, "NONSENSE"), ('listen = ["127.0.0.1",\n"192.0.2.77"]\n', 2, "192.0.2.77"),
                ('host = "cucm3"\n', 2, "--host takes cucm1, cucm2"), ("tvs-port = 6970\n", 2, "--http-port 6970"),
                ('listen = ["127.0.0.1", "::ffff:127.0.0.1"]\n', 2, "given twice")):
            code, _, error = self.check(good + text)
            self.assertEqual(code, 2, text)
            self.assertRegex(error, rf"\Aanchord: FILE:{number}: .*{re.escape(says)}.*\n\Z")
            if "tvs-port" in text:
                continue
            result = run(harness.program("anchord"), "--config", self.config, *ANY_PORTS)
            self.assertEqual(result.returncode, 1)
            said = result.stderr.decode().replace(str(self.config), "FILE")
            self.assertEqual(said.splitlines(True)[-1], error, text)  # behind what it logged until then
        code, _, error = self.check('\nstate = "/none"\nhost = "cucm3"\n')
        self.assertRegex(error, r"\Aanchord: FILE:2: there is no state directory '/none'.*anchorctl init.*\n\Z")
        code, _, error = self.check('host = "cucm3"\n', "--state", self.state)
        self.assertRegex(error, r"\Aanchord: FILE:1: .*cucm1, cucm2\n\Z")

    def test_what_no_start_takes(self):
        """What is said twice, and what is no text: a start, SIGHUP and --check-config say the same."""
        for content, number, says in (
                (b"shards = 2\nshards = 3\n", 2, "cannot redefine existing integer 'shards'"),
                (b"pin = true\nno-pin = true\n", 2, "'no-pin' is set a second time, after line 1"),
                (b"\n\0\x01ELF\n", 2, "u0000"), (b"\xff\xfes\0h\0", 1, "invalid utf-8"),
                (b'user = "\xe4"\n', 1, "invalid utf-8"), (b'\nuser = "root\n', 2, "string"),
                (b'allow = ["10.0.0.0/8",\n', 1, "end-of-file"), (b"shards =\n", 1, "expected value"),
                (b"user = root\n", 1, "where text stands in quotes"), (b"shards 2\n", 1, "expected '='"),
                (b"\nlisten = []\n", 2, "--listen: the list is empty: give one value at least"),
                (b"shards = 1979-05-27\n", 1, "'shards' is set to what is no text"),
                (b"allow = [[1]]\n", 1, "the array 'allow' holds")):
            config = self.folder / "anchord.toml"
            config.write_bytes(content)
            asked = [run(harness.program("anchord"), "--config", config, *more)
                     for more in (("--check-config",), ("--state", self.state, *ANY_PORTS))]
            self.assertEqual([(r.returncode, r.stdout) for r in asked], 2 * [(2, b"")], content)
            for error in (r.stderr.decode() for r in asked):
                self.assertRegex(error, rf"\Aanchord: {re.escape(str(config))}:{number}: .*{re.escape(says)}.*\n\Z")

    def test_a_name_that_is_none_says_the_nearest(self):
        """On the command line, too; always in one line."""
        for name, nearest in (("max-conections", "max-connections"), ("TLS_Min", "tls-min"), ("nopin", "no-pin"),
                              ("tftp-prot", "tftp-port"), ("hold-removal", "hold-removals")):
            said = f"there is no setting '{name}': did you mean '{nearest}'?\n"
            self.assertEqual(self.check(f"\n{name} = 1\n"), (2, "", f"anchord: FILE:2: {said}"))
            started = run(harness.program("anchord"), "--state", self.state, "--config", self.config)
            self.assertEqual((started.returncode, started.stderr.decode()), (2, f"anchord: {self.config}:2: {said}"))
            for flag in (f"--{name}", f"--{name}=1"):
                started = run(harness.program("anchord"), "--state", self.state, flag, "1")
                self.assertEqual((started.returncode, started.stderr.decode()),
                                 (2, f"anchord: there is no flag '--{name}': did you mean --{nearest}? (see anchord --help)\n"))
        self.assertEqual(self.check("explain = true\n")[2],
                         "anchord: FILE:1: 'explain' is for the command line only: take it out of the file\n")
        long = "x" * 100_000
        code, _, error = self.check(f"{long} = 1\n")
        self.assertEqual((code, len(error.splitlines())), (2, 1))
        self.assertLess(len(error), 300)
        self.assertIn("see anchord --help", error)

    def test_the_example_has_every_setting(self):
        """As it is, and with each default taken out of its comment, which changes nothing."""
        printed = run(harness.program("anchord"), "--example-config")
        self.assertEqual((printed.returncode, printed.stderr), (0, b""))
        example = printed.stdout.decode()
        self.assertEqual(self.check(example), (0, f"{self.config}: 0 settings, nothing wrong\n", ""))
        defaults = re.sub(r"^#(?=[a-z-]+ = )", "", example, flags=re.M)
        count = len(re.findall(r"^[a-z-]+ = ", defaults, re.M))
        self.assertGreater(count, 25)
        self.assertEqual(self.check(defaults), (0, f"{self.config}: {count} settings, nothing wrong\n", ""))
        before = {s["flag"]: s["value"] for s in explain(*ANY_PORTS)["settings"]}
        after = explain("--config", self.config, *ANY_PORTS)["settings"]
        self.assertEqual({s["flag"]: s["value"] for s in after} | {"--config": ""}, before)
        self.assertEqual(sum(s["from"] == "config file" for s in after), count - len(ANY_PORTS) // 2)
        examples = re.sub(r"^# (?=[a-z-]+ = )", "", defaults, flags=re.M)
        others = re.compile(r"no such address|No such file|no state directory|no user|cluster")
        wrong = [line for line in self.check(examples)[2].splitlines() if not others.search(line)]
        self.assertEqual(wrong, [])

    def test_what_is_no_file(self):
        absent = self.folder / "absent"
        result = run(harness.program("anchord"), "--config", absent, "--check-config")
        self.assertEqual((result.returncode, result.stdout), (2, b""))
        self.assertIn(str(absent), result.stderr.decode())
        result = run(harness.program("anchord"), "--check-config")
        self.assertEqual(result.returncode, 2)
        self.assertIn("--config", result.stderr.decode())

    def test_a_start_names_the_line_too(self):
        for text, says in (("shards = 2\nfrobnicate = 1\n", "there is no setting"), ('\ntls-min = "9"\n', "--tls-min")):
            result = run(harness.program("anchord"), "--state", self.state, "--config", self.write(text))
            self.assertEqual(result.returncode, 2)
            self.assertRegex(result.stderr.decode(), rf"\Aanchord: {re.escape(str(self.config))}:2: .*{says}.*\n\Z")

    def test_sighup_reads_it_again(self):
        with Service(self.state, "--config", self.write('hold-removals = 60\n')) as service:
            def told(text, *says):
                seen = len(service.log())
                self.write(text)
                service.signal(1)
                for words in says:
                    harness.wait_for(lambda: words in service.log()[seen:], words)
                return service.log()[seen:]

            told("hold-removals = 60\n", "no setting has changed")
            told('hold-removals = 5\nlog-level = "debug"\n',
                 "--hold-removals has changed from 60 to 5: that needs a restart",
                 "--log-level has changed from info to debug, and is in force")
            log = told('hold-removals = 5\nlog-level = "debug"\n', "that needs a restart")
            self.assertNotIn("in force", log.replace("settings in force", ""))
            told("\nfrobnicate = 1\n", f"all settings stay as they are: {self.config}:2: there is no setting")
            told("shards = 1\nshards = 1\n", f"all settings stay as they are: {self.config}:2: this cannot be read as TOML")
            told('\nuser = "nobody-of-that-name"\n', f"a restart would fail: {self.config}:2: there is no user")
            self.config.unlink()
            seen = len(service.log())
            service.signal(1)
            harness.wait_for(lambda: "all settings stay as they are" in service.log()[seen:], "the file is gone")

    def test_systemd_is_told(self):
        path = self.folder / "notify"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.bind(str(path))
            manager.settimeout(harness.BOUND)
            told = []

            def until(what):
                while not any(line.startswith(what) for line in told):
                    told.extend(manager.recv(4096).decode().splitlines())
                found = list(told)
                told.clear()
                return found

            with mock.patch.dict(os.environ, {"NOTIFY_SOCKET": str(path), "WATCHDOG_USEC": "400000"}):
                service = Service(self.state)
                with service:
                    self.assertIn("STATUS=snapshot 1 in service", "\n".join(until("READY=1")))
                    until("WATCHDOG=1")
                    service.signal(1)
                    self.assertTrue(any(line.startswith("MONOTONIC_USEC=") for line in until("RELOADING=1")))
                    until("READY=1")
                    service.signal(15)
                    until("STOPPING=1")

    def test_how_far_a_start_is(self):
        """Somebody who writes to the store holds the start up until it was asked, and has told by itself."""
        for i in range(600):
            (self.state / "provisioning" / f"file{i}").write_text(str(i))
        self.ctl("itl", "show")  # a start would write that before it looks at files
        path = self.folder / "notify"
        told = []

        def listen():
            while b"STOPPING=1" not in told:
                told.append(manager.recv(4096))

        def asked():
            result = run(harness.program("anchorctl"), "--state", self.state, "status")
            found = re.search(r"\nservice: starting: (signing \d+ of 600 files)\n", result.stdout.decode())
            return found and any(b"signing" in line and b"EXTEND" in line for line in told) and result

        with (socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager,
              concurrent.futures.ThreadPoolExecutor() as threads,
              contextlib.closing(sqlite3.connect(self.state / "anchord.db", isolation_level=None)) as writer,
              mock.patch.dict(os.environ, {"NOTIFY_SOCKET": str(path)})):
            manager.bind(str(path))
            manager.settimeout(harness.BOUND)
            listening = threads.submit(listen)
            writer.execute("BEGIN IMMEDIATE")
            service = Service(self.state)
            starting = threads.submit(service.__enter__)
            try:
                result = harness.wait_for(asked, "the start says how far it is")
            finally:
                writer.execute("ROLLBACK")
                starting.result()
                service.stop()
            listening.result()
        self.assertEqual(result.returncode, 1)
        self.assertRegex(result.stdout.decode(), r"phones get no answers yet: signing \d+ of 600 files\n")
        until_ready = b"\n".join(told[:told.index(b"READY=1")]).decode()
        self.assertRegex(until_ready, r"STATUS=signing \d+ of 600 files\nEXTEND_TIMEOUT_USEC=\d+\n")
        self.assertIn("STATUS=signing 600 of 600 files\n", until_ready)
        self.assertIn("STATUS=snapshot 1 in service", until_ready)

    def test_listen_decides_which_host_this_is(self):
        state = self.folder / "two"
        made = run(harness.program("anchorctl"), "--state", state, "init", "--name", "demo", "--host", "one=127.0.0.1",
                   "--host", "two=127.0.0.2")
        self.assertEqual(made.returncode, 0, made.stderr.decode())
        for address, host in (("127.0.0.1", "one"), ("127.0.0.2", "two"), ("127.0.0.3", "one")):
            self.assertEqual(explain("--state", state, "--listen", address, *ANY_PORTS)["host"], host)
            with Service(state, listen=(address,)) as service:
                self.assertEqual(service.status()["host"], host)

    @unittest.skipUnless(os.geteuid() == 0, "only root has capabilities to drop")
    def test_a_port_without_the_right_to_it(self):
        result = run(harness.program("anchord"), "--state", self.state, "--listen", "127.0.0.1", "--tftp-port", "69",
                     "--tvs-port", "auto", "--http-port", "0", "--https-port", "0",
                     preexec_fn=lambda: drop(CAP_NET_BIND_SERVICE))
        if result.returncode == 0:
            self.skipTest("port 69 is anybody's here")
        self.assertEqual(result.returncode, 1)
        error = result.stderr.decode()
        for words in ("CAP_NET_BIND_SERVICE", "--user", "systemd", "--tftp-port"):
            self.assertIn(words, error)
        self.assertNotIn("end what has the port", error)

    def test_short_flags(self):
        for name in ("anchord", "anchorctl", "anchorload"):
            for short, long in (("-h", "--help"), ("-V", "--version")):
                one, other = (run(harness.program(name), flag) for flag in (short, long))
                self.assertEqual((one.returncode, one.stdout, one.stderr), (0, other.stdout, b""))
        for line in ("anchorctl cert list", "anchorload boot", "anchorload tvs"):
            name, *command = line.split()
            result = run(harness.program(name), *command, "-V")
            self.assertEqual((result.returncode, result.stdout.split()[0], result.stderr), (0, name.encode(), b""))


class Truth(harness.Case):
    """What is said beside what a start does."""

    def test_shards_and_kernel(self):
        facts = explain()
        with Service(self.state) as service:
            self.assertEqual(service.status()["shards"], facts["shards"]["count"])
            self.assertGreaterEqual(len(facts["kernel"]["features"]), 3)
            for line in facts["kernel"]["features"]:
                self.assertIn(line, service.log())

    def test_huge_pages(self):
        choice = pathlib.Path("/sys/kernel/mm/transparent_hugepage/enabled")
        offered = choice.exists() and "[never]" not in choice.read_text()
        facts = explain()
        self.assertEqual(facts["kernel"]["huge_pages"], offered)
        self.assertEqual(any("no huge pages" in warning for warning in facts["warnings"]), not offered)

    def test_descriptors(self):
        """The same number as in the error of a start that has too few."""
        for flags in ([], ["--shards", "3"], ["--max-connections", "9000"], ["--listen", "::1"], ["--http-port", "0"]):
            with self.subTest(flags):
                few = lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (600, 600))
                facts = explain("--listen", "127.0.0.1", *flags, preexec_fn=few)
                result = run(harness.program("anchord"), "--state", self.state, "--listen", "127.0.0.1", *flags,
                             preexec_fn=few)
                self.assertEqual(result.returncode, 1)
                allowed, needed = re.search(r"(\d+) open files are allowed and (\d+) needed",
                                            result.stderr.decode()).groups()
                self.assertEqual((facts["limits"]["descriptors_allowed"], facts["limits"]["descriptors_needed"]),
                                 (int(allowed), int(needed)))
                self.assertTrue([p for p in facts["problems"] if f"{needed} needed" in p], facts["problems"])

    def test_memory(self):
        """Twice the connections cost a running service what is said that they cost."""
        def of_running(count):
            with Service(self.state, "--max-connections", count, "--shards", "2") as service:
                with open(f"/proc/{service.process.pid}/statm") as file:
                    return int(file.read().split()[0]) * resource.getpagesize()

        def said(count):
            memory = explain("--max-connections", count, "--shards", "2")["memory"]
            self.assertEqual(memory["reserved"], sum(part["reserved"] for part in memory["parts"]))
            self.assertEqual(memory["touched"], sum(part["touched"] for part in memory["parts"]))
            self.assertLess(memory["touched"], memory["reserved"])
            return memory["reserved"]

        few, many = 1000, 4000
        costs, expected = of_running(many) - of_running(few), said(many) - said(few)
        self.assertGreater(expected, 100 * MIB)
        self.assertLess(abs(costs - expected), 0.2 * expected, (costs, expected))

    def test_memory_of_each_service(self):
        def parts(*flags):
            """Of three, the least: the allocator reserves some MiB for itself when memory happens to begin just below a
            multiple of a GiB."""
            seen = [explain("--shards", "1", *flags)["memory"]["parts"] for _ in range(3)]
            return {same[0]["part"]: min(part["reserved"] for part in same) for same in zip(*seen, strict=True)}

        all_of_them = parts()
        self.assertLessEqual({"tvs", "http", "https"}, all_of_them.keys())
        self.assertGreater(all_of_them["tvs"], all_of_them["http"])
        self.assertEqual(all_of_them.keys() - parts("--https-port", "0").keys(), {"https"})
        ring = "ring and receive buffers"
        more = parts("--tcp-buffers", "1024", "--udp-buffers", "4096")[ring] - all_of_them[ring]
        self.assertAlmostEqual(more / MIB, 8 + 6, delta=2 if harness.SLOW else 0.5)

    def test_busy_poll(self):
        self.assertEqual(explain()["shards"]["each"]["busy_poll_us"], 0)
        config = self.folder / "anchord.toml"
        config.write_text("busy-poll = 50\n")
        facts = explain("--state", self.state, "--config", config, *ANY_PORTS)
        self.assertEqual(setting(facts, "--busy-poll"), ("50", "config file"))
        self.assertEqual(facts["shards"]["each"]["busy_poll_us"], 50)
        if not facts["kernel"]["busy_poll"]:
            (problem,) = facts["problems"]
            self.assertIn("--busy-poll", problem)
            refused = run(harness.program("anchord"), "--state", self.state, "--config", config, *ANY_PORTS)
            self.assertEqual(refused.returncode, 1)
            self.assertTrue(refused.stderr.decode().endswith(f"anchord: {problem}\n"))
            return
        self.assertEqual(facts["problems"], [])
        self.add("app-ec")
        with Service(self.state, "--config", config) as service:
            with Tvs(service.tvs[0]) as phone:
                for _ in range(3):
                    self.assertTrue(is_valid(phone.ask(verify_request(der("app-ec")))))
            with socket.socket(type=socket.SOCK_DGRAM) as phone:
                phone.settimeout(harness.BOUND)
                phone.sendto(b"\0\1ITLFile.tlv\0octet\0", service.tftp[0])
                self.assertEqual(phone.recv(1024)[:4], b"\0\3\0\1")

    @unittest.skipUnless(os.geteuid() == 0, "only root has capabilities to drop")
    def test_socket_buffers(self):
        """Without CAP_NET_ADMIN the system's limit holds: the same numbers as in the warning of a start."""
        limit = largest_buffer()
        wanted = explain()["limits"]["udp_receive_wanted"]
        without = lambda: drop(CAP_NET_ADMIN, CAP_LEASE)
        facts = explain(preexec_fn=without)
        self.assertEqual(facts["limits"]["udp_receive_given"], min(limit, wanted))
        self.assertFalse(facts["limits"]["capabilities"]["CAP_NET_ADMIN"])
        self.assertTrue([w for w in facts["warnings"] if "CAP_LEASE" in w])
        with Service(self.state, preexec=without) as service:
            warned = re.search(r"TFTP: the kernel gives (\d+) bytes for waiting requests instead of (\d+)",
                               service.log())
        self.assertEqual(bool(warned), limit < wanted)
        self.assertEqual(bool([w for w in facts["warnings"] if "rmem_max" in w]), limit < wanted)
        if warned:
            self.assertEqual(tuple(map(int, warned.groups())), (limit, wanted))

    def test_fewer_cores_than_shards(self):
        core = min(os.sched_getaffinity(0))
        one_core = lambda: os.sched_setaffinity(0, {core})
        facts = explain("--shards", "2", preexec_fn=one_core)
        self.assertEqual((facts["cores"]["usable"], facts["shards"]["core_of_shard"]), ([core], [core, core]))
        self.assertTrue([w for w in facts["warnings"] if "--shards 1" in w])
        self.assertFalse([w for w in explain("--shards", "1", preexec_fn=one_core)["warnings"] if "--shards" in w])

    def test_a_user_gives_up_rights(self):
        facts = explain("--user", "nobody")
        self.assertFalse(facts["limits"]["capabilities"]["CAP_LEASE"])

    @unittest.skipUnless(os.geteuid() == 0, "only root becomes users of whom nobody else is")
    def test_locked_memory_of_all_shards(self):
        """Newer kernels count the rings of all shards, and all processes of a user, against one limit."""
        def problems(shards, limit, user):
            def few():
                resource.setrlimit(resource.RLIMIT_MEMLOCK, (limit, limit))
                os.setuid(user)

            result = run(harness.program("anchord"), "--explain", "--json", "--shards", shards, *ANY_PORTS, preexec_fn=few)
            self.assertEqual(result.returncode, 1)
            return [p for p in json.loads(result.stdout)["problems"] if "--state" not in p]  # it has none

        first = 60_000 + os.getpid() % 1000 * 3  # what a user's last process had is given back some time later
        is_counted = bool(problems(1, 4096, first))
        self.assertEqual(problems(1, 4 * MIB, first + 1), [])
        many = [p for p in problems(64, 4 * MIB, first + 2) if re.match(r"shard \d+ of 64: not enough locked memory", p)]
        self.assertEqual(len(many), is_counted)

    def test_a_ring_that_is_refused(self):
        """Is a problem that is named, and all else is said."""
        forbid = harness.forbid_syscall(425, 1)  # io_uring_setup, EPERM
        facts = explain(preexec_fn=forbid)
        self.assertTrue([p for p in facts["problems"] if "io_uring" in p], facts["problems"])
        self.assertEqual(facts["memory"]["parts"], [])
        self.assertGreater(facts["limits"]["descriptors_needed"], 0)


if __name__ == "__main__":
    harness.main()
