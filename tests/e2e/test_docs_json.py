"""docs/formats.md says of every JSON document which fields it has: the documents that the programs give have those, and no
others."""

import contextlib
import json
import re
import shutil
import sqlite3

import control
import documents
import harness
from documents import table
from harness import CERTS, Service, program, run, wait_for
from test_clusters import Etcd
from test_docs_names import all_flags, joined, literals

PHONE = "SEP001122334455"
NAME = re.compile(r"[a-z][a-z0-9_]*")
OPEN = {"counters", "devices.guessing", "own_lists.withdrawn", "certificates.by_role"}  # their fields' names are data
# Words in a row that none of the documents made here has: values, and fields of documents that need more than a test's
# cluster. The sources must know them all.
NOT_MADE = {
    "status": {"error"},  # of a list that is damaged
    "check": {"ok"},  # there is no backup
    "top": {"counter", "per_second", "total"},  # nobody asks anything meanwhile
    "cert regenerate": {"count", "first", "reason"},  # of phones that were locked by force
    "phone trace": {"http", "https"},
    "report expiry": {"expired"},
    "backup verify": {"skipped"},
    "backup restore": {"verify"},
    "all": {"administrator", "anchord"},
}
TVSD = "CREATE TABLE certificates (hash TEXT PRIMARY KEY, serial TEXT, subject TEXT, issuer TEXT, pem TEXT, roles TEXT, ttl INTEGER)"


def paths(value, above=""):
    """Each field of a document: a.b, a[], a[].b."""
    if isinstance(value, dict) and above not in OPEN:
        for name, below in value.items():
            path = f"{above}.{name}" if above else name
            yield path
            yield from paths(below, path)
    elif isinstance(value, list):
        for below in value:
            yield from paths(below, above + "[]")


def fields(value):
    """The last parts of those."""
    return {path.rsplit(".", 1)[-1].removesuffix("[]") for path in paths(value)}


def names(text):
    return {span for span in documents.spans_of(text) if NAME.fullmatch(span)}


class Case(harness.Case):
    def fail_with(self, what, wrong):
        self.assertFalse(wrong, f"{what}:\n" + joined(dict.fromkeys(wrong)))

    def provision(self):
        """Something of everything that a status speaks of."""
        folder = self.state / "provisioning"
        (folder / "XMLDefault.cnf.xml").write_text("<Default/>")
        (folder / "SEP00112233445A.cnf.xml").write_text("<device>")
        (folder / "odd.xml").write_text("<odd>")
        (folder / f"{PHONE}.cnf.xml").write_text("<device/>")


class Status(Case):
    def test_each_field_of_the_control_socket(self):
        self.provision()
        with Service(self.state) as service:
            harness.boot(service, PHONE)
            wait_for(lambda: service.status()["devices"]["recent"], "the phone is in the status")
            real = set(paths(service.status()))
        told, wrong = set(), []
        for row in table("docs/formats.md", "Control socket", "field of the status"):
            below = names(row.cells[1])
            for span in row.spans():
                # `a.b[]` and `c[]` in one cell, what is in their elements behind it.
                told.add(span.removesuffix("[]"))
                if span not in {path.removesuffix("[]") for path in real} | real | {p + "[]" for p in real}:
                    wrong.append(f"{row}: the status has no field `{span}`")
                told |= {f"{span}.{name}" for name in below}
                told |= {f"{span}.{name}[]".removesuffix("[]") for name in below}
        parents = {path.rsplit(".", 1)[0].removesuffix("[]") for path in real if "." in path}
        for path in sorted(real):
            if path not in told and path not in parents:
                wrong.append(f"docs/formats.md, 'Control socket': no row says `{path}`")
        self.fail_with("fields of the status", wrong)

    def test_each_message_of_the_control_socket(self):
        asked = {"changed": {}, "status": {}, "confirm": {}, "trace": {"device": PHONE, "seconds": 1, "since": 0}}
        rows = {row.spans()[0]: row for row in table("docs/formats.md", "Control socket", "request")}
        others = {row.spans()[0]: row for row in table("docs/formats.md", "Control socket", "any other answer")}
        kinds = set(re.findall(r'kName = "(\w+)"', (documents.ROOT / "src/protocol/fields.h").read_text()))
        self.assertEqual((kinds, set(asked)), (set(rows) | set(others), set(rows)))
        with Service(self.state) as service:
            harness.boot(service, PHONE)
            wait_for(lambda: service.status()["devices"]["recent"], "the phone was heard of")
            for kind, body in asked.items():
                answer = json.loads(control.ask(self.state, control.request(kind, **body)))
                self.assertEqual((answer["answer"], answer["protocol"]), (kind, control.VERSION))
                self.assertEqual(names(rows[kind].cells[1]), set(body), kind)
                if kind != "status":  # its fields have a table of their own
                    self.assertEqual(names(rows[kind].cells[2]), fields(answer["body"]), kind)
            refused = json.loads(control.ask(self.state, b"?\n"))
            self.assertEqual(names(others["refused"].cells[1]), set(refused["body"]))


class Anchorctl(Case):
    """One document of each command, made in an order in which each has something to say."""

    def setUp(self):
        super().setUp()
        self.documents = {}
        self.passphrase = self.folder / "passphrase"
        self.passphrase.write_text("correct horse battery\n")

    def keep(self, command, *args, code=0):
        self.documents.setdefault(command, []).append(self.facts(*command.split(), *args, code=code))

    def other_cluster(self):
        other = self.folder / "other"
        made = run(program("anchorctl"), "--state", other, "init", "--name", "other", "--host", "o1", "--json")
        self.assertEqual(made.returncode, 0, made.stderr.decode())
        self.documents["init"] = [json.loads(made.stdout)]
        bundle = self.folder / "bundle.pem"
        run(program("anchorctl"), "--state", other, "cert", "bundle", "export", bundle)
        return bundle

    def shared(self):
        etcd, mine, ticket = Etcd(self.folder), self.state, self.folder / "ticket"
        self.addCleanup(etcd.kill)
        etcd.start()
        self.state = self.folder / "shared"
        self.ctl("init", "--name", "two", "--host", "a=127.0.0.1", "--host", "b=127.0.0.2")
        self.keep("cluster init", "--engine", etcd.url, "--as", "a")
        self.keep("cluster ticket", "b", "--out", ticket, "--passphrase-file", self.passphrase)
        self.state = self.folder / "shared-too"
        self.keep("cluster join", ticket, "--passphrase-file", self.passphrase)
        self.keep("cluster leave", "--yes")
        etcd.kill()
        self.state = mine

    def made_files(self):
        tftp, key = CERTS / "tftp.crt", CERTS / "tftp.key"
        plain = self.folder / f"{PHONE}.cnf.xml"
        plain.write_text("<device/>")
        out = self.folder / f"{PHONE}.cnf.xml.sgn"
        self.keep("file sign", plain, "--out", out, "--cert", tftp, "--key", key)
        self.keep("file verify", out, "--cert", tftp)
        self.keep("file verify", out, "--cert", CERTS / "tvs.crt", code=1)
        self.keep("file show", out)
        secret = self.folder / f"{PHONE}.cnf.xml.enc.sgn"
        self.keep("file encrypt", plain, "--device", CERTS / "phone.crt", "--out", secret, "--cert", tftp, "--key", key)
        self.keep("file show", secret)

    def made_lists(self):
        for kind in ("itl", "ctl"):
            out = self.folder / f"{kind.upper()}File.tlv"
            self.keep(f"{kind} build", "--out", out)
            self.keep(f"{kind} show")
            self.keep(f"{kind} show", out)
            self.keep(f"{kind} verify", out)
            out.write_bytes(out.read_bytes()[:-1])
            self.keep(f"{kind} verify", out, code=1)

    def certificates(self, bundle):
        self.keep("cert add", CERTS / "app-ec.crt", "--role", "app-server")
        database = self.folder / "tvs.sqlite3"
        with sqlite3.connect(database) as theirs:
            theirs.execute(TVSD)
            theirs.execute("INSERT INTO certificates VALUES ('1', '', '', '', ?, 'APP-SERVER', 3600)",
                           ((CERTS / "tftp.crt").read_bytes(),))
        theirs.close()
        self.keep("cert import", database)
        self.keep("cert bundle export", self.folder / "mine.pem")
        self.keep("cert bundle import", bundle)
        self.keep("cert regenerate", "capf")
        self.keep("cert regenerate", "tvs", "--all")
        self.keep("cert list")
        added = self.documents["cert add"][0]["certificates"][0]["sha256"]
        self.keep("cert show", added[:10])
        self.keep("cert remove", added[:10], "--yes")

    def with_a_service(self):
        with Service(self.state) as service:
            harness.boot(service, PHONE)
            wait_for(lambda: self.facts("phone", "list")["phones"], "the phone is in the ledger")
            self.keep("status", code=1)
            self.keep("check", code=1)
            self.keep("doctor", "SEP00112233445A", code=1)  # its file is broken
            self.keep("top", "--times", "1", "--seconds", "1")
            self.keep("support-bundle", self.folder / "support")
            self.keep("host list")
            self.keep("confirm")
            self.keep("phone add", PHONE, "--certificate", CERTS / "phone.crt", "--model", "8861")
            self.keep("phone list")
            self.keep("phone show", PHONE)
            self.keep("phone trace", PHONE)
            self.keep("phone recover", PHONE)
            self.keep("phone recover", "--behind")
            self.keep("phone settle", PHONE, "--yes")
            self.keep("report itl")
            self.keep("report evidence")
            self.keep("report expiry")
            self.keep("report features")
            self.keep("ledger export", self.folder / "ledger")
            host = ("--host", f"127.0.0.1:{service.tvs[0][1]}", "--tvs-cert", self.own_certificate("tvs"))
            known = self.facts("cert", "show", self.documents["cert list"][0]["certificates"][0]["sha256"])
            self.keep("tvs query", "--issuer", known["issuer"], "--serial", known["serial"], *host)
            self.keep("tvs verify", self.own_certificate("tftp"), *host)
            self.keep("cert regenerate", "recovery")
        self.keep("ledger import", self.folder / "ledger")

    def backups(self):
        backup = self.folder / "backup"
        passphrase = ("--passphrase-file", self.passphrase)
        self.keep("backup create", backup, *passphrase)
        self.keep("backup verify", backup, *passphrase)
        self.keep("backup restore", backup, *passphrase, "--yes", "--force")

    def all_documents(self):
        bundle = self.other_cluster()
        self.provision()
        self.keep("audit")
        self.keep("mode show")
        self.keep("host add", "node2=192.0.2.2", "--hosts-agree")
        self.keep("host rename", "node2", "node3", "--hosts-agree")
        self.keep("host remove", "node3", "--hosts-agree", "--yes")
        self.keep("set")
        self.keep("set digest")
        self.keep("set digest", "sha1", "--hosts-agree")
        self.keep("set evidence")
        self.keep("set evidence", "strict")
        self.keep("rollback status", code=1)
        self.keep("mode set", "mixed")
        self.made_lists()
        self.made_files()
        self.certificates(bundle)
        self.with_a_service()
        self.keep("status", code=1)
        self.keep("check", code=2)
        self.keep("mode set", "nonsecure", "--force", "--yes")
        self.keep("rollback prepare", "--force", "--yes")
        self.keep("rollback status", code=1)
        self.keep("status", code=1)
        self.keep("rollback cancel", "--force", "--yes")
        self.keep("phone remove", PHONE, "--dry-run")
        self.keep("phone remove", PHONE, "--yes")
        self.backups()
        self.shared()
        shutil.rmtree(self.folder / "other")
        return self.documents

    def definitions(self):
        """The fields that docs/formats.md gives a name to before the table."""
        text = documents.text_of("docs/formats.md").split("## JSON of anchorctl")[1].split("| command |")[0]
        return names(text.split("*Certificate*", 1)[1])

    def rows(self):
        """For each command: its row, and the names in it and in the rows that it refers to."""
        rows = table("docs/formats.md", "JSON of anchorctl", "command")
        own = {span: names(row.cells[1]) for row in rows for span in row.spans()}
        told, before = {}, set()
        for row in rows:
            mine = names(row.cells[1]).union(*(own.get(span, ()) for span in documents.spans_of(row.cells[1])))
            if "the same" in row.cells[1]:
                mine |= before
            before = mine
            told |= {span: (row, mine) for span in row.spans()}
        return told

    def test_each_field_of_each_command(self):
        real, told, common = self.all_documents(), self.rows(), self.definitions()
        with_json = {" ".join(c[1:]) for c, flags in all_flags().items() if c[0] == "anchorctl" and "--json" in flags}
        wrong = [f"docs/formats.md, 'JSON of anchorctl': no row for `{c}`" for c in sorted(with_json - set(told))]
        wrong += [f"tests/e2e/test_docs_json.py makes no document of `{c}`" for c in sorted(with_json - set(real))]
        wrong += [f"{row}: `{c}` has no --json" for c, (row, _) in told.items() if c not in with_json]
        said = set(literals())
        for command, found in real.items():
            if command not in told:
                continue
            row, allowed = told[command]
            for document in found:
                if command == "status":
                    document["service"]["status"] = None  # the control socket's
                wrong += [f"{row}: the row of `{command}` lacks `{name}`"
                          for name in sorted(fields(document) - allowed - common)]
            have = set().union(*map(fields, found)) | self.values(found)
            wrong += [f"{row}: `{command}` has no `{name}`" for name in sorted(names(row.cells[1]) - have)
                      if name not in NOT_MADE.get(command, ())]
        everything = set().union(*(fields(d) | self.values(d) for found in real.values() for d in found))
        wrong += [f"docs/formats.md, 'JSON of anchorctl': no document has `{name}`"
                  for name in sorted(common - everything - NOT_MADE["all"])]
        said = set(literals())
        wrong += [f"tests/e2e/test_docs_json.py: no source says '{name}'"
                  for known in NOT_MADE.values() for name in known if name not in said]
        self.fail_with("fields of anchorctl's documents", wrong)

    @staticmethod
    def values(found):
        text = json.dumps(found)
        return set(re.findall(r'"([a-z]\w*)"', text))


class Database(Case):
    def test_each_table_and_column(self):
        told, name = {}, ""
        for row in table("docs/formats.md", "State directory", "table"):
            name = documents.spans_of(row.cells[0])[0] if row.cells[0] else name
            told.setdefault(name, (row, set()))[1].update(row.spans(1))
        with contextlib.closing(sqlite3.connect(self.state / "anchord.db")) as database:
            tables = [t for t, in database.execute("SELECT name FROM sqlite_schema WHERE type = 'table'") if "sqlite_" not in t]
            version = database.execute("PRAGMA user_version").fetchone()[0]
            real = {t: {column[1] for column in database.execute(f"PRAGMA table_info({t})")} for t in tables}
        self.assertIn(f"`user_version` {version}", documents.text_of("docs/formats.md"))
        wrong = [f"docs/formats.md, 'State directory': no row for the table `{t}`" for t in sorted(set(real) - set(told))]
        for t, (row, columns) in told.items():
            wrong += [f"{row}: there is no column `{t}.{c}`" for c in sorted(columns - real.get(t, set()))]
            wrong += [f"{row}: the rows of `{t}` lack `{c}`" for c in sorted(real.get(t, set()) - columns)]
        self.fail_with("the database", wrong)
