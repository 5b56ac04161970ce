"""Every command line in README.md and docs/*.md runs, one section after the other, each in a folder of its own, and prints
what the document says, by its shape: other numbers, dates, hashes and ports will do."""

import contextlib
import os
import pathlib
import re
import select
import shutil
import signal
import sqlite3
import ssl
import subprocess
import textwrap
import time

import documents
import harness
from documents import NAMES, blocks
from harness import BOUND, CERTS, program

# What is not run, and why. The first match counts.
NOT_RUN = {
    r"(\./)?tools/|meson |ninja |CC=|build/|ANCHORD_BIN=": "it builds or tests, which is what runs this",
    r"systemd-(sysusers|tmpfiles) |systemctl (daemon-reload|enable)|apt": "it is for a machine of one's own",
    r"(scp|rsync|ssh) ": "there is no other machine",
}
# What judges the machine that it runs on.
JUDGES = re.compile(r"anchord .*--explain")
# What is for the machine that a section is about, and means nothing in its folder.
AROUND = re.compile(r"^(sudo -u anchord |sudo )| -o anchord -g anchord\b")
# Where a section's machine has its folders.
ROOTS = re.compile(r"(?<![\w/.-])/(?=(var/lib|safe|etc/anchord|root|run)\b)")

TOKEN = re.compile(
    r"(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z|\d{8}T\d{6}Z)"
    r"|(?P<date>\d{4}-\d\d-\d\d)"
    r"|(?P<address>(?:\d+\.){3}\d+(?::\d+)?|\[[0-9a-f:]*\]:\d+)"
    r"|(?P<hash>\b(?=[0-9a-fA-F]*\d)[0-9a-fA-F]{8,64}\b)"
    r"|(?P<number>(?<![\w.-])-?\d+(?:[ ,]\d{3})*(?:\.\d+)?(?!\w))")
# It is printed by nearly every command as long as there is no backup, and shown once in the documents.
NO_BACKUP = re.compile(r"^anchorctl: warning: no backup holds the present TFTP key.*\n", re.M)


def shape(line):
    return TOKEN.sub(lambda found: f"<{found.lastgroup}>", " ".join(line.split()))


def pattern(lines):
    """What fits lines of a document: `...` for any lines, and at a line's end for the rest of it."""
    text = ""
    for line in lines:
        if line.strip() == "...":
            text += r"(?:.*\n)*?"
        elif line.endswith(" ..."):
            text += re.escape(shape(line[:-4])) + r".*\n"
        else:
            text += re.escape(shape(line)) + r"\n"
    return re.compile(text)


class Daemon:
    """An anchord that a section starts, until the section ends or says so."""

    def __init__(self, command, folder, environment):
        self.log = open(folder / "anchord.log", "ab")
        self.process = subprocess.Popen(["bash", "-c", f"exec {command}"], cwd=folder, env=environment, stdout=subprocess.PIPE,
                                        stderr=self.log, stdin=subprocess.DEVNULL)
        self.said = b""
        end = time.monotonic() + BOUND
        while not self.said.endswith(b"\n") and time.monotonic() < end:
            if select.select([self.process.stdout], [], [], 1)[0]:
                part = os.read(self.process.stdout.fileno(), 1)
                if not part:
                    break
                self.said += part
        if not self.said.startswith(b"ready"):
            self.stop()
            raise AssertionError((folder / "anchord.log").read_text()[-2000:])

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout=BOUND)
        finally:
            self.process.stdout.close()
            self.log.close()


class Session:
    """A folder in which commands run one after the other as an operator would give them."""

    def __init__(self, case, folder):
        self.case = case
        self.folder = folder
        self.values = {}  # of the document: what stands for it here
        self.daemon = None
        self.exported = ""
        tools = ":".join(str(program(name).parent) for name in ("anchord", "anchorctl", "anchorload"))
        self.environment = {**harness.environment(), "PATH": f"{tools}:{os.environ['PATH']}", "LC_ALL": "C.UTF-8"}

    def end(self):
        if self.daemon:
            daemon, self.daemon = self.daemon, None
            self.case.assertEqual(daemon.stop(), 0, (self.folder / "anchord.log").read_text()[-2000:])

    def here(self, command):
        """The command with this folder's paths, and with the values that programs have said here."""
        command = AROUND.sub("", command)
        for told, real in self.values.items():
            command = re.sub(rf"(?<!\w){re.escape(told)}(?!\w)", real, command)
        return ROOTS.sub(f"{self.folder}/", command)

    def run_all(self, document, section):
        for block in blocks(document):
            if block.section == section and block.language in ("console", "sh"):
                for command, expected in block.commands():
                    self.run(block, command, expected)

    def run(self, block, command, expected):
        where = f"{block}: $ {command}"
        expected = [line for line in expected if not NO_BACKUP.match(line + "\n")]
        command = self.here(command)
        if any(re.match(what, command) for what in NOT_RUN):
            return
        # What has changed is served within a second, or later on a slow machine.
        once = not command.startswith("curl ")
        end = time.monotonic() + BOUND
        while True:
            code, said = self.run_here(command.replace("curl -s", "curl -sf", 1) if not expected else command)
            said = NO_BACKUP.sub("", said.replace(f"{self.folder}/", "/"))
            problem = self.problem(block, code if code > 1 or not JUDGES.match(command) else 0, said, expected)
            if not problem or once or time.monotonic() > end:
                break
            time.sleep(0.05)
        self.case.assertFalse(problem, f"{where}\n{problem}")
        self.learn(expected, said.splitlines())

    @staticmethod
    def problem(block, code, said, expected):
        """What is wrong with what a command printed; empty: nothing."""
        if not expected:
            good = code == 0 and (block.language == "sh" or not said)
            return "" if good else f"ends with {code} and prints:\n{said}"
        shaped = "".join(shape(line) + "\n" for line in said.splitlines())
        if pattern(expected).fullmatch(shaped):
            return ""
        return f"prints:\n{said}and the document says:\n" + "\n".join(expected)

    def run_here(self, command):
        if re.fullmatch(r"systemctl stop anchord", command):
            self.end()
            return 0, ""
        if re.fullmatch(r"systemctl start anchord", command):
            command = f"anchord --state {self.folder}/var/lib/anchord"
            return self.run_here(command)[0], ""
        if re.match(r"anchord (?!.*--(explain|check-config|example-config|help|version))", command):
            self.end()
            if "-port" not in command:  # those that it has by itself may be another's, or root's
                command += "".join(f" --{service}-port auto" for service in ("tvs", "tftp", "http", "https"))
            self.daemon = Daemon(command, self.folder, self.environment)
            return 0, self.daemon.said.decode()
        if command.startswith("export "):
            self.exported += command + "\n"
            return 0, ""
        result = subprocess.run(["bash", "-c", self.exported + command], cwd=self.folder, env=self.environment, timeout=BOUND,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        return result.returncode, result.stdout.decode(errors="replace")

    def learn(self, expected, said):
        """Hashes, ports and times of the document stand for those of the same place here."""
        for told, real in zip(expected, said):
            if told.strip() == "...":
                return
            for one, other in zip(TOKEN.finditer(told), TOKEN.finditer(real)):
                if one.lastgroup == other.lastgroup and one.lastgroup in ("hash", "time"):
                    self.values[one.group()] = other.group()
                elif one.lastgroup == other.lastgroup == "address" and ":" in one.group():
                    self.values[one.group().rsplit(":")[-1]] = other.group().rsplit(":")[-1]


def certificate(session, name, subject):
    """A certificate of another server's, with its key."""
    made = harness.run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days",
                       "3650", "-subj", subject, "-keyout", session.folder / f"{name}.key", "-out", session.folder / f"{name}.pem")
    assert made.returncode == 0, made.stderr.decode()


def prepare_tour(session):
    certificate(session, "directory", "/C=US/O=Example Corp/CN=directory.example.com")
    certificate(session, "stranger", "/C=US/O=Example Corp/CN=stranger.example.com")
    (session.folder / "phone.pem").write_text((CERTS / "phone.crt").read_text())
    (session.folder / "XMLDefault.cnf.xml").write_text("<Default/>")
    (session.folder / "SEP001122334455.cnf.xml").write_text(textwrap.dedent("""\
        <device>
          <fullConfig>true</fullConfig>
          <loadInformation>sip88xx.14-2-1-0001-14</loadInformation>
          <sshPassword>secret</sshPassword>
        </device>
        """))


def prepare_stale_phone(session):
    """A phone that boots with a list from before the present certificates."""
    assert session.run_here("anchorctl --state demo init --name demo --host cucm1=127.0.0.1")[0] == 0
    (session.folder / "demo/provisioning/SEP001122334455.cnf.xml").write_text("<device/>")
    _, ready = session.run_here("anchord --state demo --listen 127.0.0.1 --tvs-port auto --tftp-port auto --http-port auto")
    tvs, tftp, http = (("127.0.0.1", int(port)) for port in re.findall(r"(?:tvs|tftp|http)=\S+:(\d+)", ready))
    with contextlib.suppress(OSError):
        harness.tftp_get(tftp, b"CTLSEP001122334455.tlv")
    harness.tftp_get(tftp, b"ITLFile.tlv")
    distrustful = ssl.create_default_context(cafile=CERTS / "tvs.crt")
    distrustful.check_hostname = False
    with contextlib.suppress(ssl.SSLError):
        harness.Tvs(tvs, context=distrustful)
    assert session.run_here(f"curl -sf http://127.0.0.1:{http[1]}/SEP001122334455.cnf.xml.sgn")[0] == 0
    heard = ["anchorctl", "--state", session.folder / "demo", "phone", "trace", "SEP001122334455"]
    harness.wait_for(lambda: harness.run(program("anchorctl"), *heard[1:]).stdout.count(b"\n") == 4, "all of it was heard")


def prepare_certificate(session):
    certificate(session, "directory", "/C=US/O=Example Corp/CN=directory.example.com")


def prepare_cluster(session):
    """As docs/guides/first-cluster.md makes it."""
    prepare_certificate(session)
    (session.folder / "phone.pem").write_text((CERTS / "phone.crt").read_text())
    session.run_all("docs/guides/first-cluster.md", "Make a cluster")


def prepare_backup(session):
    prepare_cluster(session)
    for folder in ("safe", "etc/anchord"):
        (session.folder / folder).mkdir(parents=True)
    (session.folder / "etc/anchord/passphrase").write_text("correct horse battery\n")


def prepare_restore(session):
    """The backup is there, and the service serves what came after it."""
    prepare_backup(session)
    session.run_all("docs/guides/backup-and-restore.md", "Back up")
    session.run_here("systemctl start anchord")


def prepare_new_machine(session):
    prepare_restore(session)
    session.end()
    shutil.rmtree(session.folder / "var/lib/anchord")


def prepare_hosts(session):
    """The service serves for the first of two hosts, and has said so."""
    prepare_cluster(session)
    session.run_here("systemctl start anchord")
    listed = ["host", "list", "--json"]
    state = session.folder / "var/lib/anchord"
    harness.wait_for(lambda: b'"current": true' in harness.run(program("anchorctl"), "--state", state, *listed).stdout,
                     "the service has said what it serves")


def prepare_three_hosts(session):
    prepare_hosts(session)
    session.run_here("anchorctl host add cucm3.example.com=192.0.2.13 --hosts-agree")


def prepare_old_server(session):
    """What a server of before leaves: its keys, and the list that its phones hold."""
    old = session.folder / "old"
    for command in ("init --name old --host cucm1.example.com --organization 'Example Corp' --country US",
                    "itl build --out ITLFile.tlv"):
        assert session.run_here(f"anchorctl --state old {command}")[0] == 0
    for service in ("tftp", "recovery", "tvs", "capf"):
        assert session.run_here(f"anchorctl --state old cert export {service} >{service}.pem")[0] == 0
        key = next(path for path in (old / "keys").glob(f"{service}-*.key") if "-ec-" not in path.name)
        shutil.copy(key, session.folder / f"{service}.key")
    session.run_here(f"export ANCHORD_STATE={session.folder}/var/lib/anchord")


def prepare_tvsd(session):
    prepare_cluster(session)
    database = sqlite3.connect(session.folder / "tvs.sqlite3")
    with database:
        database.execute("CREATE TABLE certificates (hash TEXT PRIMARY KEY, serial TEXT, subject TEXT, issuer TEXT, pem TEXT, "
                         "roles TEXT, ttl INTEGER)")
        database.execute("INSERT INTO certificates VALUES ('1', '', '', '', ?, 'APP-SERVER', 3600)",
                         ((session.folder / "phone.pem").read_bytes(),))
    database.close()


def prepare_other_cluster(session):
    prepare_cluster(session)
    for command in ("init --name branch --host cucm7.example.com --organization 'Example Corp' --country US",
                    "cert bundle export branch.pem"):
        assert session.run_here(f"anchorctl --state branch {command}")[0] == 0


# What must be there before a section's first command.
PREPARE = {
    ("README.md", "A short tour"): prepare_tour,
    ("docs/guides/first-cluster.md", "Make a cluster"): prepare_certificate,
    ("docs/guides/first-cluster.md", "Certificates that phones meet"): prepare_cluster,
    ("docs/guides/first-cluster.md", "Start the service"): prepare_cluster,
    ("docs/guides/provisioning.md", "Encryption"): prepare_cluster,
    ("docs/guides/tuning.md", "What a start would do"): prepare_cluster,
    ("docs/guides/troubleshooting.md", "Trace a phone"): prepare_stale_phone,
    ("docs/guides/changing-trust.md", "Certificates"): prepare_cluster,
    ("docs/guides/backup-and-restore.md", "Back up"): prepare_backup,
    ("docs/guides/backup-and-restore.md", "Restore on another machine"): prepare_new_machine,
    ("docs/guides/backup-and-restore.md", "Restore over what is there"): prepare_restore,
    ("docs/guides/several-hosts.md", "Add a host"): prepare_hosts,
    ("docs/guides/several-hosts.md", "Remove a host"): prepare_three_hosts,
    ("docs/guides/several-hosts.md", "Rename a host"): prepare_hosts,
    ("docs/guides/taking-over.md", "Adopt a server's keys"): prepare_old_server,
    ("docs/guides/taking-over.md", "Import the open tvsd's certificates"): prepare_tvsd,
    ("docs/guides/taking-over.md", "Exchange certificates with another cluster"): prepare_other_cluster,
}


class Documents(harness.Case):
    def run_section(self, document, section):
        folder = self.folder / "machine"
        (folder / "var/lib").mkdir(parents=True)
        session = Session(self, folder)
        self.addCleanup(session.end)
        PREPARE.get((document, section), lambda _: None)(session)
        session.run_all(document, section)
        session.end()


def add_tests():
    """One for each section with commands in it."""
    for document in NAMES:
        sections = dict.fromkeys(b.section for b in blocks(document) if b.language in ("console", "sh"))
        for section in sections:
            words = re.sub(r"\W+", "_", f"{pathlib.Path(document).stem} {section}".lower()).strip("_")
            setattr(Documents, f"test_{words}", lambda self, d=document, s=section: self.run_section(d, s))


add_tests()


class Blocks(harness.Case):
    def test_each_says_what_it_is(self):
        wrong = [f"{b}: it begins with ```{b.language}: say one of {', '.join(documents.LANGUAGES)}"
                 for document in NAMES for b in blocks(document) if b.language not in documents.LANGUAGES]
        self.assertFalse(wrong, "\n".join(wrong))

    def test_what_is_not_run_holds_no_command_of_ours(self):
        """And the tools in it are there, and know the options that they are given."""
        wrong = []
        for document in NAMES:
            for block in blocks(document):
                for line in block.lines if block.language == "text" else ():
                    if re.match(r"\s*(\$ |sudo |anchor(d|ctl|load) [a-z-])", line):
                        wrong.append(f"{block}: '{line.strip()}' is a command: say console or sh")
                    for tool, options in re.findall(r"(?:^|\s)(?:\./)?((?:tools|bench)/[\w-]+)((?: --[\w-]+)*)", line):
                        path = documents.ROOT / tool
                        text = path.read_text() if path.is_file() else ""
                        wrong += [f"{block}: {tool} is not there, or does not know {option}" for option in ["", *options.split()]
                                  if not text or option not in text]
        self.assertFalse(wrong, "\n".join(wrong))

    def test_configuration_files_have_no_mistakes(self):
        """Nor have single settings in backquotes; their addresses and folders are another machine's."""
        others = re.compile(r"this machine has no such address|there is no (state directory|cluster in)")
        file = self.folder / "anchord.toml"
        for document in NAMES:
            texts = [(block, "\n".join(block.lines)) for block in blocks(document) if block.language == "toml"]
            texts += [(span, span.text) for span in documents.spans(document)
                      if document.startswith(("docs/guides/", "docs/reference/")) and re.match(r"[a-z-]+ = \S+$", span.text)]
            for where, text in texts:
                file.write_text(text + "\n")
                result = harness.run(program("anchord"), "--config", file, "--check-config")
                wrong = [line for line in result.stderr.decode().splitlines() if not others.search(line)]
                self.assertFalse(wrong or result.returncode not in (0, 2), f"{where}: {wrong}")
