"""The table of metrics is the only place that says which there are: docs are made from it, and one line adds a counter."""

import dataclasses
import json
import re
import sys
import unittest

import control
from documents import ROOT
from harness import BUILD, Case, program, run

sys.path.insert(0, str(ROOT / "tools"))

import metrics  # noqa: E402


class Table(unittest.TestCase):
    def test_docs_are_made_from_it(self):
        text = metrics.DOCUMENT.read_text()
        self.assertEqual(text, metrics.made(text, metrics.metrics()), "run tools/metrics.py")

    def test_each_has_one_name_and_says_what_it_counts(self):
        found = metrics.metrics()
        names = [metric.name for metric in found]
        self.assertEqual(sorted(set(names)), sorted(names))
        # One text of help goes with a family, whoever's metric it is.
        self.assertEqual(len({metric.family for metric in found}),
                         len({(metric.family, metric.type, metric.unit, metric.help) for metric in found}))
        for metric in found:
            self.assertRegex(metric.name, r"^[a-z]+(_[a-z]+)+$")
            self.assertNotRegex(metric.name, r"_(total|count|sum|bucket)$")  # Prometheus means something by these
            self.assertEqual(metric.name.endswith("_bytes"), metric.unit == "bytes", metric.name)
            self.assertTrue(metric.help and not metric.help.endswith("."), metric.name)
            self.assertTrue(metric.advice.endswith((".", "?")) or not metric.advice, metric.name)
            self.assertNotIn("|", metric.help + metric.advice)

    def test_what_is_no_row_is_told(self):
        self.assertRaisesRegex(ValueError, "X\\(a, counter", lambda: list(metrics.rows('X(a, counter, count, "help")')))

    def test_what_the_log_refers_to_is_one(self):
        names = {metric.name for metric in metrics.metrics()}
        text = (ROOT / "src/base/log.cc").read_text()
        told = set(re.findall(r"\b(?:tvs|tftp|https?|memory)_\w+", " ".join(re.findall(r'"[^"\n]*"', text))))
        self.assertTrue(told)
        self.assertEqual(set(), told - names)

    def test_no_program_has_a_list_of_its_own(self):
        names = {metric.name for metric in metrics.metrics()}
        for folder in ("src", "include"):
            for path in sorted((ROOT / folder).rglob("*")):
                if path.suffix in (".cc", ".h"):
                    alone = names & set(re.findall(r'"(\w+)"', path.read_text()))
                    self.assertFalse(alone, f"{path} looks for counters by their names")


class OneLineMore(Case):
    """dummy_counter/ adds a line to the table and compiles it: a counter, its sum, the status and docs have it."""

    def setUp(self):
        super().setUp()
        self.compiled = json.loads(run(BUILD / "tests/e2e/dummy-counter").stdout)
        self.more = metrics.metrics((BUILD / "tests/e2e/with_dummy_counter.def").read_text())

    def test_it_is_in_the_status(self):
        counters = self.compiled["counters"]
        self.assertEqual({"dummy_counter": 5, "https_open": 7, "tftp_bytes": 11},
                         {name: value for name, value in counters.items() if value != 0})
        self.assertEqual(sorted(metric.name for metric in self.more), list(counters))

    def test_anchorctl_shows_it(self):
        with control.FakeService(self.state, says=lambda: control.status(counters=self.compiled["counters"])):
            facts = json.loads(run(program("anchorctl"), "--state", self.state, "status", "--json").stdout)
            text = run(program("anchorctl"), "--state", self.state, "status").stdout.decode()
        self.assertEqual(self.compiled["counters"], facts["service"]["status"]["counters"])
        self.assertRegex(text, r"counters\.dummy_counter +5\n")

    def test_it_is_in_docs(self):
        text = metrics.DOCUMENT.read_text()
        with_it = metrics.made(text, self.more)
        self.assertNotEqual(text, with_it)  # so the check above would say that docs lack it
        row = "| `dummy_counter` | counter | what a test counts | Nothing is wrong. |"
        self.assertEqual([row], [line for line in with_it.splitlines() if line not in text.splitlines()])

    def test_docs_are_made_from_what_is_compiled(self):
        read = [dataclasses.asdict(metric) for metric in self.more]
        for metric in read:
            del metric["advice"]
        self.assertEqual(self.compiled["table"], read)
