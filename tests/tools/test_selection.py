"""tools/selection.py: what a change concerns is run, and all that it names is there."""

import pathlib
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

import selection  # noqa: E402


class Selection(unittest.TestCase):
    def setUp(self):
        self.uses = selection.modules()

    def names(self, *paths):
        return set().union(*(selection.tests_for(path, self.uses) for path in paths))

    def test_who_stands_on_a_module_is_tested_too(self):
        self.assertEqual(self.names("src/index/table.cc"), {"index", "trust", "store", "report", "service", "control", "sim",
                                                            "e2e-anchord"})
        self.assertEqual(self.names("include/anchord/control/server.h"), self.names("src/control/process/server.cc"))
        self.assertEqual(self.names("src/control/process/server.cc") & set(self.uses), {"control"})

    def test_a_test_is_run_itself(self):
        self.assertEqual(self.names("tests/store/open_test.cc"), {"store"})
        self.assertEqual(self.names("tests/sim/tvs_sim_test.cc"), {"sim"})
        self.assertEqual(self.names("tests/simulation/sim_ring.cc"), {"io", "service", "sim", "memory"})
        self.assertEqual(self.names("tests/e2e/test_abuse.py"), {"e2e-abuse"})
        self.assertEqual(self.names("tests/fuzz/fuzz_tftp.cc"), {"replay-tftp"})
        self.assertEqual(self.names("tests/fuzz/corpus/tvs_request/one"), {"replay-tvs_request"})
        self.assertEqual(self.names("tools/failures.py", "tests/tools/test_failures.py"),
                         {"tools-failures", "tools-fuzzing", "tools-linting", "tools-packaging", "tools-selection"})

    def test_what_several_share_runs_all_of_them(self):
        for path in ("tests/data/certs/tftp.crt", "tests/time_bound.h", "tests/pch/gtest.h", "meson.build"):
            self.assertLessEqual(set(self.uses), self.names(path), path)

    def test_words_concern_what_reads_them(self):
        for path in ("README.md", "SECURITY.md", "docs/guides/install.md", "docs/reference/log.md", "docs/adr/README.md",
                     "tests/e2e/documents.py"):
            self.assertEqual(self.names(path), {"e2e-docs", "e2e-docs_errors", "e2e-docs_json", "e2e-docs_metrics",
                                                "e2e-docs_names"}, path)
        self.assertEqual(self.names("CHANGELOG.md", ".gitignore"), set())

    def test_alerts_are_tested_with_the_metrics_that_they_name(self):
        self.assertEqual(self.names("contrib/prometheus/rules.yml"), {"tools-alerts", "tools-packaging", "e2e-install"})
        for path in selection.WATCHED:
            self.assertIn("tools-alerts", self.names(path))
            self.assertTrue((ROOT / path).exists(), path)

    def test_what_reads_the_whole_tree_is_always_run(self):
        always = {"tools-guards", "tools-shown", "tools-tidy"}
        self.assertEqual(selection.selected(["CHANGELOG.md"]), always)
        self.assertEqual(selection.selected(["CHANGELOG.md", "tests/store/open_test.cc"]), {"store", *always})
        self.assertEqual(selection.selected([]), set())

    def test_all_that_is_named_is_there(self):
        for begin, names in selection.END_TO_END.items():
            self.assertTrue(list(ROOT.glob(f"{begin}*")), begin)
            for name in names:
                self.assertTrue((ROOT / f"tests/e2e/test_{name}.py").is_file(), name)
        self.assertEqual([f"src/{name}/" for name in self.uses if f"src/{name}/" not in selection.END_TO_END], [])


if __name__ == "__main__":
    import harness
    harness.main()
