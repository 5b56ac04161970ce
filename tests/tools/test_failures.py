"""tools/failures.py on made-up logs of meson's: whatever ends without a whole report is one failure, and named."""

import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "tools/failures.py"
GOOD_GTEST = '<testsuite name="{at}.Suite" tests="2"><testcase name="One" classname="Suite"/>' \
             '<testcase name="Two" classname="Suite"/></testsuite>'


class Failures(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.build = pathlib.Path(folder.name)
        for name in ("meson-info", "meson-logs"):
            (self.build / name).mkdir()
        self.known, self.log, self.suites = [], [], []

    def program(self, name, protocol, result="OK", code=0, out="", err="", report="", ran=True):
        """One test of meson's; `report` is its part of the report, where {at} becomes its name in there."""
        self.known.append({"name": name, "protocol": protocol})
        if ran:
            self.log.append(json.dumps({"name": f"anchord:unit / {name}", "stdout": out, "stderr": err, "result": result,
                                        "returncode": code}))
        self.suites.append(report.format(at=f"anchord.anchord:unit / {name}"))

    def judged(self, code=0, junit=None, names=()):
        """Both numbers, and what was told of each failed test, by its name."""
        (self.build / "meson-info/intro-tests.json").write_text(json.dumps(self.known))
        (self.build / "meson-logs/testlog.json").write_text("\n".join(self.log))
        (self.build / "meson-logs/testlog.junit.xml").write_text(
            f"<testsuites>{''.join(self.suites)}</testsuites>" if junit is None else junit)
        told = self.build / "told"
        ran = subprocess.run([sys.executable, SCRIPT, self.build, told, str(code), *names], capture_output=True, text=True,
                             check=True)
        parts = [part.split("\n", 1) for part in told.read_text().split(f"\n{self.build}: ")[1:]]
        return tuple(map(int, ran.stdout.split())), {name: words.strip() for name, words in parts}

    def tap(self, name, lines, **how):
        cases = "".join(f'<testcase name="{line.removeprefix("not ").removeprefix("ok ")}" classname="{{at}}">'
                        f'{"<failure/>" if line.startswith("not ") else ""}</testcase>'
                        for line in lines if line.startswith(("ok", "not ok")))
        out = "\n".join(lines)
        self.program(name, "tap", out=out, **how,
                     report=f'<testsuite name="{{at}}" tests="{cases.count("<testcase")}">{cases}'
                            f'<system-out>{out}</system-out></testsuite>')

    def test_all_is_well(self):
        self.program("base", "gtest", report=GOOD_GTEST)
        self.tap("e2e", ["ok 1 - a", "ok 2 - b", "1..2"])
        self.program("fuzz", "exitcode")
        self.assertEqual(self.judged(), ((5, 0), {}))

    def test_one_suite_alone_is_named_without_its_suite(self):
        self.program("base", "gtest")
        self.suites = [GOOD_GTEST.format(at="anchord.base")]
        self.assertEqual(self.judged(), ((2, 0), {}))

    def test_tests_that_fail_are_told_with_their_words(self):
        self.program("base", "gtest", "FAIL", 1, report='<testsuite name="{at}.Suite" tests="2"><testcase name="One" '
                     'classname="Suite"><failure message="1 is not 2"/></testcase><testcase name="Two" '
                     'classname="Suite"/></testsuite>')
        self.tap("e2e", ["ok 1 - a", "# because", "not ok 2 - b", "1..2"], result="ERROR", code=1)
        numbers, told = self.judged(1)
        self.assertEqual(numbers, (4, 2))
        self.assertEqual({name: words.splitlines()[0] for name, words in told.items()},
                         {"base: Suite.One": "1 is not 2", "e2e: 2 - b": "# because"})

    def one_failure(self, tests, name, *words, code=1, **how):
        numbers, told = self.judged(code, **how)
        self.assertEqual((numbers, list(told)), ((tests, 1), [name]), told)
        for word in words:
            self.assertIn(word, told[name])

    def test_killed_by_its_limit_of_time(self):
        self.program("base", "gtest", "TIMEOUT", -9, out="[ RUN      ] Suite.Hangs")
        self.one_failure(1, "base", "limit of time", "Suite.Hangs")

    def test_killed_beside_a_test_that_failed(self):
        self.program("base", "gtest", "FAIL", 1, report='<testsuite name="{at}.S" tests="1"><testcase name="One" '
                     'classname="S"><failure message="no"/></testcase></testsuite>')
        self.program("store", "gtest", "TIMEOUT", -9)
        self.tap("e2e", ["ok 1 - a"], result="TIMEOUT", code=-15)
        numbers, told = self.judged(3)
        self.assertEqual((numbers, sorted(told)), ((4, 3), ["base: S.One", "e2e", "store"]))

    def test_a_crash_leaves_no_report(self):
        self.program("base", "gtest", "FAIL", -11, out="[ RUN      ] Suite.Crashes", err="AddressSanitizer: SEGV")
        self.one_failure(1, "base", "signal 11", "Suite.Crashes", "AddressSanitizer: SEGV")

    def test_no_report_though_all_seemed_well(self):
        self.program("base", "gtest")
        self.one_failure(1, "base", "left no report", code=0)

    def test_a_report_of_fewer_tests_than_it_says(self):
        self.program("base", "gtest", report='<testsuite name="{at}.S" tests="2"><testcase name="One" classname="S"/>'
                     '</testsuite>')
        self.one_failure(2, "base", "1 tests of 2", code=0)

    def test_a_good_report_of_a_program_that_ends_badly(self):
        self.program("base", "gtest", "FAIL", 23, err="LeakSanitizer: detected memory leaks", report=GOOD_GTEST)
        self.one_failure(3, "base", "ended with 23", "LeakSanitizer")

    def test_a_good_report_of_a_program_that_is_killed(self):
        self.program("base", "gtest", "TIMEOUT", 0, report=GOOD_GTEST)  # a report of a run before, maybe
        self.one_failure(3, "base", "limit of time")

    def test_fewer_tests_than_planned(self):
        self.tap("e2e", ["ok 1 - a", "1..2"], result="ERROR")
        self.one_failure(2, "e2e", "1 tests of 2")

    def test_no_plan(self):
        self.tap("e2e", ["ok 1 - a", "# Traceback"], result="ERROR", code=1)
        self.one_failure(2, "e2e", "not how many there are", "Traceback")

    def test_nothing_at_all(self):
        self.program("e2e", "tap", "SKIP")
        self.one_failure(1, "e2e", "0 tests", code=0)

    def test_a_fuzzer(self):
        self.program("fuzz", "exitcode", "FAIL", 1, err="deadly signal")
        self.one_failure(1, "fuzz", "ended with 1", "deadly signal")

    def test_what_meson_takes_for_skipped_is_libfuzzers_end(self):
        self.program("fuzz", "exitcode", "SKIP", 77, err="deadly signal")
        self.one_failure(1, "fuzz", "ended with 77", "deadly signal", code=0)

    def test_what_never_ran_is_named(self):
        self.program("base", "gtest", report=GOOD_GTEST)
        self.program("store", "gtest", ran=False)
        self.one_failure(3, "store", "did not run")

    def test_what_was_not_asked_for_is_not_missing(self):
        self.program("base", "gtest", report=GOOD_GTEST)
        self.program("store", "gtest", ran=False)
        self.assertEqual(self.judged(names=["base"]), ((2, 0), {}))

    def test_a_log_that_is_cut(self):
        self.program("base", "gtest", report=GOOD_GTEST)
        self.program("store", "gtest", report=GOOD_GTEST)
        self.log[-1] = self.log[-1][:20]
        self.one_failure(5, "store", "did not run")

    def test_meson_itself_fails(self):
        self.program("base", "gtest", report=GOOD_GTEST)
        numbers, _ = self.judged(2)
        self.assertEqual(numbers, (3, 1))
        self.assertIn("meson test ended with 2", (self.build / "told").read_text())

    def test_no_log_of_meson(self):
        """A report that is cut amid an element is none: a program that would have been in it has none."""
        self.program("base", "gtest", report=GOOD_GTEST)
        self.tap("e2e", ["ok 1 - a", "1..1"])
        numbers, told = self.judged(1, junit="<testsuites><testsuite na")
        self.assertEqual((numbers, list(told)), ((2, 2), ["base", "e2e"]))


if __name__ == "__main__":
    import harness
    harness.main()
