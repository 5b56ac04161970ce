"""Says of a run of meson's tests how many there were and how many failed; what those said goes to a file.

    tools/failures.py BUILD TOLD EXIT [NAME...]

Prints both numbers, of these tests alone if any are named. A test program that was killed, that crashed, or whose report
is not whole counts as one failed test besides those that it told of, and so does one that never ran; EXIT is what meson
ended with, and counts when nothing else explains it. TOLD grows by each failed test's name and last words: a log of half
an hour is often seen by its end alone, and what fails once in a hundred runs must be known from that one.
"""

import dataclasses
import json
import pathlib
import re
import sys
import xml.etree.ElementTree as tree

LINES = 40
FAILED = 1  # what gtest and the runner of the end-to-end tests exit with when they have told of a failed test


@dataclasses.dataclass
class Program:
    """One of meson's tests, with what is known of its run."""

    name: str
    protocol: str  # "gtest", "tap" or "exitcode"
    result: str = "did not run"
    code: int | None = None
    out: str = ""
    err: str = ""
    tests: int = 0
    failed: list = dataclasses.field(default_factory=list)  # (name of the test, its last words)
    problem: str | None = None  # why the report is not whole

    def last_words(self):
        return [*self.out.splitlines(), *self.err.splitlines()][-LINES:]


def programs_of(build, names):
    """Those that the build has, of these names if there are any, and what meson's log says of each."""
    known = json.loads((build / "meson-info/intro-tests.json").read_text())
    programs = {test["name"]: Program(test["name"], test["protocol"]) for test in known
                if not names or test["name"] in names}
    log = build / "meson-logs/testlog.json"
    for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else ():
        try:
            entry = json.loads(line)
        except ValueError:
            continue  # meson was killed amid writing it: the test counts as not run
        # A suite's name may come first.
        name = entry["name"].split(" / ")[-1]
        program = programs.setdefault(name, Program(name, "exitcode"))
        program.result, program.code = entry["result"], entry["returncode"]
        program.out, program.err = entry["stdout"] or "", entry.get("stderr") or ""
    return programs


def words_of(suite, case, told):
    """What failed, from the case itself (gtest) or from the comments before its line (TAP)."""
    own = "".join(f"{part.get('message', '')}\n{part.text or ''}" for part in told).strip()
    if own:
        return own.splitlines()
    comments = []
    for line in suite.findtext("system-out", "").splitlines():
        if line.startswith("#"):
            comments.append(line)
        elif line == f"not ok {case.get('name')}":
            return comments
        else:
            comments = []
    return suite.findtext("system-err", "").splitlines()


def take_reports(build, programs):
    """The tests that the programs told of. The suites of meson's report are named PROJECT.PROGRAM[.SUITE], and where it
    has many suites PROJECT.PROJECT:SUITE / PROGRAM[.SUITE]. A program that has told of none is a case of PROJECT's."""
    try:
        suites = list(tree.parse(build / "meson-logs/testlog.junit.xml").iter("testsuite"))
    except (OSError, tree.ParseError):
        return
    for suite in suites:
        before, _, rest = suite.get("name").rpartition(" / ")
        rest = rest if before else rest.partition(".")[2]
        program = programs.get(rest.partition(".")[0])
        if program is None:
            continue
        cases = list(suite.iter("testcase"))
        if int(suite.get("tests", len(cases))) != len(cases):
            program.problem = f"{suite.get('name')} has {len(cases)} tests of {suite.get('tests')}"
        for case in cases:
            program.tests += 1
            told = [part for kind in ("failure", "error") if (part := case.find(kind)) is not None]
            if told:
                of = f"{case.get('classname')}." if program.protocol == "gtest" else ""
                program.failed.append((f"{of}{case.get('name')}", words_of(suite, case, told)[-LINES:]))


def end_of(program):
    """How it ended otherwise than a program that says what it found; None when it did not."""
    if program.result == "TIMEOUT":
        return "was killed: it ran into its limit of time"
    if program.code is None or program.result == "INTERRUPT":
        return "did not run to its end"
    if program.code < 0 or program.code > 128:
        return f"was killed by signal {-program.code if program.code < 0 else program.code - 128}"
    return None


def report_problem(program):
    """What its report lacks; None when that is whole."""
    if program.problem:
        return program.problem
    if program.protocol == "gtest" and program.tests == 0:
        return "left no report"
    if program.protocol == "tap":
        plans = re.findall(r"^1\.\.(\d+)", program.out, re.M)
        told = len(re.findall(r"^(?:not )?ok\b", program.out, re.M))
        if not plans:
            return f"told of {told} tests and not how many there are"
        if int(plans[-1]) != told or told == 0:
            return f"told of {told} tests of {plans[-1]}"
        if program.tests != told:
            return "is not in meson's report"
    return None


def judge(program):
    """Adds the program itself to its failed tests, where those do not say all."""
    if program.protocol == "exitcode":
        program.tests = 1
        # None of ours skips itself, and what libFuzzer ends with is taken for that by meson.
        problem = None if program.result == "OK" else end_of(program) or f"ended with {program.code}"
    else:
        problem = end_of(program) or report_problem(program)
        explained = program.code == 0 or (program.code == FAILED and program.failed)
        if problem is None and not explained:
            problem = f"ended with {program.code}"
        program.tests += problem is not None
    if problem is not None:
        program.failed.append((None, [problem, *program.last_words()]))


def main(build, told_file, code, *names):
    build = pathlib.Path(build)
    programs = programs_of(build, names)
    take_reports(build, programs)
    tests = failed = 0
    with open(told_file, "a", encoding="utf-8") as out:
        for program in programs.values():
            judge(program)
            tests += program.tests
            failed += len(program.failed)
            for name, words in program.failed:
                print(f"\n{build}: {program.name}" + (f": {name}" if name else ""), file=out)
                print(*words, sep="\n", file=out)
        if int(code) != 0 and failed == 0:
            tests, failed = tests + 1, 1
            print(f"\n{build}: meson test ended with {code}", file=out)
    print(tests, failed)


if __name__ == "__main__":
    main(*sys.argv[1:])
