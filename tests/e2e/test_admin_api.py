"""/api/v1/ of the admin endpoint: what it answers is what commands say, and what the published schema allows."""

import json
import urllib.parse

import json_schema
from documents import ROOT
from harness import Case, wait_for
from test_admin import Admin, fetch

SCHEMA = json.loads((ROOT / "docs/reference/admin-api.json").read_text())


class Api(Case):
    def ask(self, service, path, code=200):
        status, kind, body = service.get(path)
        self.assertEqual((status, kind), (code, "application/json"), body)
        document = json.loads(body)
        route = path.partition("?")[0]
        if code != 200:
            route = "error"
        elif route.startswith("/api/v1/phones/"):
            route = "/api/v1/phones/NAME"
        schema = SCHEMA["properties"][route]
        self.assertEqual([], list(json_schema.problems(document, schema, SCHEMA)), path)
        return document

    def setUp(self):
        super().setUp()
        self.add("app-ec")
        for i in range(5):
            self.ctl("phone", "add", f"SEP00112233445{i}", "--model", "8861")

    def test_it_says_what_commands_say(self):
        with Admin(self.state) as service:
            fetch(service, "/ITLSEP001122334451.tlv")
            wait_for(lambda: self.facts("phone", "show", "SEP001122334451")["itl"], "the ledger has it")
            self.assertEqual(self.ask(service, "/api/v1/phones")["phones"], self.facts("phone", "list")["phones"])
            self.assertEqual(self.ask(service, "/api/v1/phones/SEP001122334451"), self.facts("phone", "show", "SEP001122334451"))
            self.assertEqual(self.ask(service, "/api/v1/certificates"), self.facts("cert", "list"))
            self.assertEqual(self.ask(service, "/api/v1/lists"), self.facts("report", "itl"))
            self.assertEqual(self.ask(service, "/api/v1/audit"), self.facts("audit"))
            told = wait_for(lambda: (lambda said: said if said[0] == said[1] else None)(
                (self.ask(service, "/api/v1/problems")["problems"]["lines"], self.facts("status")["warnings"])), "both agree")
            self.assertTrue(any("backup" in line for line in told[0]))
            status = self.ask(service, "/api/v1/status")
            self.assertEqual(set(status), set(self.facts("status")["service"]["status"]))
            self.assertEqual(status["host"], "cucm1")

    def test_phones_come_in_pages(self):
        with Admin(self.state) as service:
            names, after = [], ""
            while after is not None:
                page = self.ask(service, f"/api/v1/phones?limit=2&after={after}")
                self.assertLessEqual(len(page["phones"]), 2)
                self.assertEqual(page["total"], 5)
                names += [phone["name"] for phone in page["phones"]]
                after = page["after"]
            self.assertEqual(names, [f"SEP00112233445{i}" for i in range(5)])
            self.assertEqual(self.ask(service, "/api/v1/phones?after=T")["phones"], [])
            self.assertEqual(len(self.ask(service, "/api/v1/audit?limit=2")["entries"]), 2)

    def test_what_cannot_be_answered(self):
        with Admin(self.state) as service:
            for path, code in (("/api/v1/phones?limit=0", 400), ("/api/v1/phones?limit=501", 400), ("/api/v1/audit?limit=x", 400),
                               ("/api/v1/phones/SEPAABBCCDDEEFF", 404), ("/api/v1/phones/x", 400),
                               ("/api/v1/phones/" + urllib.parse.quote("<script>"), 400), ("/api/v1/phones/a/b", 400)):
                with self.subTest(path):
                    self.assertTrue(self.ask(service, path, code)["error"])
            self.assertEqual(service.get("/api/v1/")[0], 404)
            self.assertEqual(service.get("/api/v2/status")[0], 404)

    def test_a_broken_file_is_a_problem(self):
        with Admin(self.state) as service:
            (self.state / "provisioning/SEP001122334451.cnf.xml").write_text("<device>\n<a></b>")
            def told():
                lines = self.ask(service, "/api/v1/problems")["problems"]["lines"]
                return any("SEP001122334451.cnf.xml" in line and "line 2" in line for line in lines)
            wait_for(told, "it is told")

    def test_the_schema_is_checked(self):
        """That this test would notice: a field more, a field less, another type."""
        schema = SCHEMA["properties"]["/api/v1/audit"]
        good = {"entries": [{"time": "x", "who": "x", "what": "x", "forced": False}], "more": False}
        self.assertEqual([], list(json_schema.problems(good, schema, SCHEMA)))
        for bad in ({**good, "else": 1}, {"entries": []}, {**good, "more": 1}, {**good, "entries": [{"time": "x"}]}):
            self.assertTrue(list(json_schema.problems(bad, schema, SCHEMA)), bad)
