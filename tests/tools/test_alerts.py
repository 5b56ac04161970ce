"""What Prometheus and Grafana are given (contrib/): it names metrics that there are, each alert has a test that watches it and
a line that says what to do, and the dashboard is one."""

import functools
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))
sys.path.insert(0, str(ROOT / "tests/e2e"))

import json_schema  # noqa: E402
import metrics  # noqa: E402
from documents import table  # noqa: E402

PROMETHEUS = ROOT / "contrib/prometheus"
RULES = (PROMETHEUS / "rules.yml").read_text()
TESTS = {path.name: path.read_text() for path in sorted(PROMETHEUS.glob("rules-test*.yml"))}
COLLECTOR = PROMETHEUS / "anchord-phones"
DASHBOARD = json.loads((ROOT / "contrib/grafana/anchord.json").read_text())

PROMETHEUS_OWN = {"up", "ALERTS"}
WORDS = {"and", "or", "unless", "on", "ignoring", "by", "without", "offset", "bool", "group_left", "group_right"}
LABELS = {"job", "instance", "protocol", "le", "service", "certificate", "kind", "state", "list", "version", "current", "alertname"}
# What stands for Grafana's variables where promtool reads an expression.
VARIABLES = {"$__rate_interval": "5m", "$job": "anchord", "$instance": "one"}


def collector_metrics():
    """The table of contrib/prometheus/anchord-phones."""
    return dict(re.findall(r'^    "(anchord_\w+)": "(.*)",$', COLLECTOR.read_text(), re.M))


@functools.cache
def known_names():
    found = PROMETHEUS_OWN | set(collector_metrics())
    for name, kind, _ in metrics.in_prometheus():
        found |= {f"{name}_{part}" for part in ("bucket", "sum", "count")} if kind == "histogram" else {name}
    return found


def names(expression):
    """The metrics that an expression asks for."""
    text = re.sub(r"\{[^}]*\}|\[[^\]]*\]", " ", re.sub(r'"(?:[^"\\]|\\.)*"', '""', expression))
    text = re.sub(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)", " ", text)
    return set(re.findall(r"(?<![\w.$])[a-zA-Z_:][\w:]*\b(?!\s*\()", text)) - WORDS


def labels(expression):
    """The labels that it chooses by, and groups by."""
    text = re.sub(r'"(?:[^"\\]|\\.)*"', '""', expression)
    chosen = re.findall(r"(\w+)\s*[=!]", " ".join(re.findall(r"\{[^}]*\}", text)))
    grouped = " ".join(re.findall(r"\b(?:by|without|on|ignoring)\s*\(([^)]*)\)", text))
    return set(chosen) | set(re.findall(r"\w+", grouped))


def rules():
    """Of each alert the text of its rule."""
    parts = re.split(r"^ {6}- alert: (\w+)\n", re.sub(r"^\s*#.*\n", "", RULES, flags=re.M), flags=re.M)[1:]
    return dict(zip(parts[::2], parts[1::2]))


def expression(rule):
    """What stands behind expr:, in one line or folded."""
    return re.search(r"^ {8}expr: (?:>-\n)?(.*?)(?=^ {8}\w+:)", rule, re.M | re.S)[1]


def cases():
    """Pairs of an alert and whether it is to tell."""
    text = "".join(TESTS.values())
    short = re.findall(r"alertname: (\w+), exp_alerts: \[\]\}", text)
    long = re.findall(r"^ {8}alertname: (\w+)\n {8}exp_alerts:\n {10}- exp_labels:", text, re.M)
    return {(alert, False) for alert in short} | {(alert, True) for alert in long}


def promtool(*args, **options):
    if shutil.which("promtool") is None:
        raise unittest.SkipTest("promtool is not installed (Debian's package prometheus)")
    return subprocess.run(["promtool", *args], capture_output=True, text=True, check=False, **options)


def tested_with(changed):
    """What promtool's tests say of other rules."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in {"rules.yml": changed, **TESTS}.items():
            (pathlib.Path(folder) / name).write_text(text)
        done = promtool("test", "rules", *TESTS, cwd=folder)
    return done.returncode, set(re.findall(r"alertname: (\w+),", done.stdout + done.stderr)), done.stdout + done.stderr


class Names(unittest.TestCase):
    def test_they_are_found(self):
        self.assertEqual(names('sum by (job) (rate(a_total{b="c{"}[5m])) / on (d) e offset 10m > 3e5 and f == 0 or time() - g_h'),
                         {"a_total", "e", "f", "g_h"})
        self.assertEqual(labels('sum by (a, b) (c{d="e=f", g!~"h"}) unless on (i) j'), {"a", "b", "d", "g", "i"})

    def test_a_histogram_has_its_parts_and_a_counter_its_ending(self):
        self.assertLessEqual({"anchord_tvs_answer_seconds_bucket", "anchord_tftp_requests_total", "anchord_stream_open"}, known_names())
        for name in ("anchord_tvs_answer_seconds", "anchord_tftp_requests", "anchord_tvs_open"):
            self.assertNotIn(name, known_names())


class Rules(unittest.TestCase):
    def test_they_name_metrics_and_labels_that_there_are(self):
        self.assertEqual(len(rules()), RULES.count("- alert:"))
        for alert, rule in rules().items():
            asked = names(expression(rule))
            self.assertTrue(asked, alert)
            self.assertEqual(asked - known_names(), set(), alert)
            self.assertEqual(labels(expression(rule)) - LABELS, set(), alert)

    def test_promtool_reads_them(self):
        checked = promtool("check", "rules", PROMETHEUS / "rules.yml")
        self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)
        self.assertIn(f"SUCCESS: {len(rules())} rules found", checked.stdout)

    def test_each_is_seen_to_tell_and_to_be_silent(self):
        self.assertEqual({(alert, tells) for alert in rules() for tells in (True, False)}, cases())

    def test_they_tell_when_they_should(self):
        code, _, said = tested_with(RULES)
        self.assertEqual(code, 0, said)

    def test_one_that_never_tells_is_found_and_one_that_always_does(self):
        for instead in ("vector(0) == 1", "vector(1)"):
            changed = re.sub(r"^ {8}expr: (?:>-\n)?.*?(?=^ {8}\w+:)", f"        expr: {instead}\n", RULES, flags=re.M | re.S)
            code, failed, said = tested_with(changed)
            self.assertNotEqual(code, 0)
            self.assertEqual(failed, set(rules()), said)

    def test_documents_say_what_to_do_about_each(self):
        rows = table("docs/guides/watching.md", "Alerts", "alert")
        said = {row.cells[0].strip("`"): row.cells[1] for row in rows}
        self.assertEqual(said, {alert: re.search(r"severity: (\w+)", rule)[1] for alert, rule in rules().items()})
        self.assertEqual(len(said), len(rows))
        for row in rows:
            self.assertTrue(len(row.cells) == 4 and all(row.cells), row)


class Collector(unittest.TestCase):
    """contrib/prometheus/anchord-phones, of a report as the schema has it."""

    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.file = self.folder / "anchord.prom"

    def of_kind(self, name, lists):
        return {"phones": 15, "unproven_names": 4, "accepted": 5, "given": 4, "behind": 3, "unknown": 2, "none": 1, "never_seen": 6,
                "first": {"behind": ["SEP001122334455"]}, "lists": [
                    {"file": file, "version": version, "built_at": "2026-11-23T11:02:05Z", "signer": "CN=\"x\\y\"", "current": current,
                     "empty": False, "phones": phones, "first": []} for file, version, current, phones in [(name, "a1", True, 5), *lists]]}

    def report(self, ctl=None, lists=()):
        made = {**self.of_kind("ITLFile.tlv", lists), "hosts": 1, "ctl": ctl}
        schema = json.loads((ROOT / "docs/reference/admin-api.json").read_text())
        self.assertEqual(list(json_schema.problems(made, schema["properties"]["/api/v1/lists"], schema)), [])
        return json.dumps(made)

    def run_with(self, text, *args):
        return subprocess.run([sys.executable, COLLECTOR, *args], input=text, capture_output=True, text=True, check=False)

    def values(self, text):
        done = self.run_with(text)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        checked = promtool("check", "metrics", input=done.stdout)
        self.assertEqual((checked.returncode, checked.stdout + checked.stderr), (0, ""))
        return dict(line.rsplit(" ", 1) for line in done.stdout.splitlines() if not line.startswith("#"))

    def test_phones_are_told_by_what_they_hold(self):
        found = self.values(self.report(self.of_kind("CTLFile.tlv", [])))
        for kind in ("itl", "ctl"):
            told = {state: found[f'anchord_phones{{kind="{kind}",state="{state}"}}'] for state in
                    ("accepted", "given", "behind", "unknown", "none")}
            self.assertEqual(told, {"accepted": "5", "given": "4", "behind": "3", "unknown": "2", "none": "1"})
        self.assertEqual(found['anchord_phones_never_seen{kind="itl"}'], "6")
        self.assertEqual(found["anchord_phones_unproven_names"], "4")
        self.assertFalse([name for name in self.values(self.report()) if "ctl" in name])

    def test_lists_of_single_phones_and_old_ones_have_one_line(self):
        lists = [("ITLFile.tlv", f"b{number}", False, 1) for number in range(20)]
        lists += [(f"ITLSEP0011223344{number:02}.tlv", f"c{number}", True, 1) for number in range(30)]
        found = self.values(self.report(lists=lists))
        told = {name: value for name, value in found.items() if name.startswith("anchord_phones_may_hold")}
        own = 'anchord_phones_may_hold{kind="itl",list="own",version="all",current="0"}'
        older = 'anchord_phones_may_hold{kind="itl",list="ITLFile.tlv",version="older",current="0"}'
        self.assertEqual((told[own], told[older], len(told)), ("30", "13", 10))

    def test_all_that_it_tells_is_documented(self):
        told = {row.cells[0].strip("`"): row.cells[2] for row in
                table("docs/reference/metrics.md", "What the textfile collector tells", "metric")}
        self.assertEqual({name: metrics.sentence(words) for name, words in told.items()}, collector_metrics())
        found = self.values(self.report())
        self.assertEqual({re.match(r"\w+", name)[0] for name in found}, set(collector_metrics()))

    def test_the_file_is_replaced_and_stays_when_there_is_no_report(self):
        self.assertEqual(self.run_with(self.report(), self.file).returncode, 0)
        before = self.file.read_text()
        self.assertIn('anchord_phones{kind="itl",state="behind"} 3\n', before)
        self.assertEqual(self.file.stat().st_mode & 0o777, 0o644)
        for wrong in ("", "[]", "{}", "null", '"x"', self.report().replace('"behind": 3', '"behind": "3"')):
            done = self.run_with(wrong, self.file)
            self.assertEqual((done.returncode, done.stdout), (1, ""), wrong)
            self.assertRegex(done.stderr, r"\Aanchord-phones: standard input is no report: .*\n\Z")
        self.assertEqual(self.file.read_text(), before)
        self.assertEqual(list(self.folder.iterdir()), [self.file])

    def test_what_cannot_be_written_is_told(self):
        done = self.run_with(self.report(), self.folder / "none/anchord.prom")
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, r"\Aanchord-phones: cannot write '.*': No such file or directory: .*\n\Z")
        self.assertRegex(self.run_with(self.report(), "anchord.txt").stderr, r"\Aanchord-phones: usage: ")


class Dashboard(unittest.TestCase):
    TYPES = {"row", "stat", "table", "timeseries", "bargauge"}
    UNITS = {"none", "short", "s", "d", "bytes", "Bps"}

    def setUp(self):
        self.panels = DASHBOARD["panels"]
        self.shown = [panel for panel in self.panels if panel["type"] != "row"]
        self.variables = {variable["name"]: variable for variable in DASHBOARD["templating"]["list"]}

    def expressions(self):
        """Each with where it stands."""
        for panel in self.shown:
            for target in panel["targets"]:
                yield f"{panel['title']} {target['refId']}", target["expr"]
        for annotation in DASHBOARD["annotations"]["list"]:
            yield annotation["name"], annotation["expr"]
        for variable in self.variables.values():
            if variable["type"] == "query":
                query = re.fullmatch(r"label_values\((.*), (\w+)\)", variable["query"]["query"])
                self.assertEqual(variable["query"]["query"], variable["definition"])
                self.assertEqual(query[2], variable["name"])
                yield variable["name"], query[1]

    def test_panels_have_what_grafana_needs(self):
        ids = [panel["id"] for panel in self.panels]
        self.assertEqual(len(set(ids)), len(ids))
        self.assertIsNone(DASHBOARD["id"])
        self.assertEqual({panel["type"] for panel in self.panels}, self.TYPES)
        needed = {one["id"] for one in DASHBOARD["__requires"] if one["type"] == "panel"}
        self.assertEqual(needed, self.TYPES - {"row"})
        titles = [panel["title"] for panel in self.panels if panel["type"] == "row"]
        self.assertEqual(len(set(titles)), len(titles))
        for panel in self.shown:
            references = [target["refId"] for target in panel["targets"]]
            self.assertTrue(panel["title"] and references, panel)
            self.assertEqual(len(set(references)), len(references), panel["title"])
            defaults = panel["fieldConfig"]["defaults"]
            self.assertIn(defaults.get("unit", "none"), self.UNITS, panel["title"])
            values = [step["value"] for step in defaults.get("thresholds", {"steps": []})["steps"]]
            self.assertEqual(values, values[:1] + sorted(values[1:]), panel["title"])
            self.assertNotIn(None, values[1:], panel["title"])

    def test_no_panel_covers_another(self):
        taken = set()
        for panel in self.panels:
            place = panel["gridPos"]
            self.assertLessEqual(place["x"] + place["w"], 24, panel["title"])
            for x in range(place["x"], place["x"] + place["w"]):
                for y in range(place["y"], place["y"] + place["h"]):
                    self.assertNotIn((x, y), taken, panel["title"])
                    taken.add((x, y))

    def test_each_asks_the_datasource_that_is_chosen(self):
        self.assertEqual(self.variables["datasource"]["type"], "datasource")
        self.assertEqual(self.variables["datasource"]["query"], "prometheus")
        chosen = {"type": "prometheus", "uid": "${datasource}"}
        asking = [*self.shown, *(target for panel in self.shown for target in panel["targets"]), *DASHBOARD["annotations"]["list"],
                  *(variable for variable in self.variables.values() if variable["type"] == "query")]
        self.assertEqual([one for one in asking if one.get("datasource") != chosen], [])

    def test_they_name_metrics_labels_and_variables_that_there_are(self):
        for where, asked in self.expressions():
            self.assertTrue(names(asked), where)
            self.assertEqual(names(asked) - known_names(), set(), where)
            self.assertEqual(labels(asked) - LABELS, set(), where)
        used = set(re.findall(r"\$\{?(\w+)", json.dumps(DASHBOARD))) - {"__rate_interval", "__all"}
        self.assertEqual(used, set(self.variables))

    def test_promtool_reads_each_expression(self):
        found = []
        for number, (_, asked) in enumerate(self.expressions()):
            for name, instead in VARIABLES.items():
                asked = asked.replace(name, instead)
            self.assertNotIn("$", asked)
            found.append({"record": f"dashboard:{number}", "expr": asked})
        with tempfile.NamedTemporaryFile("w", suffix=".yml") as file:
            json.dump({"groups": [{"name": "dashboard", "rules": found}]}, file)
            file.flush()
            checked = promtool("check", "rules", file.name)
        self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)
        self.assertIn(f"SUCCESS: {len(found)} rules found", checked.stdout)

    def test_every_histogram_is_shown(self):
        asked = set().union(*(names(text) for _, text in self.expressions()))
        buckets = {f"{name}_bucket" for name, kind, _ in metrics.in_prometheus() if kind == "histogram"}
        self.assertLessEqual(buckets, asked)


if __name__ == "__main__":
    unittest.main()
