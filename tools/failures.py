"""Says of a run of meson's tests how many there were and how many failed; what those said goes to a file.

    tools/failures.py BUILD TOLD

Prints both numbers. TOLD grows by each failed test's name and last words: a log of half an hour is often seen by its
end alone, and what fails once in a hundred runs must be known from that one.
"""

import pathlib
import sys
import xml.etree.ElementTree as tree

LINES = 40


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


def main():
    build, told_file = sys.argv[1:]
    tests = failed = 0
    with open(told_file, "a", encoding="utf-8") as out:
        for suite in tree.parse(pathlib.Path(build) / "meson-logs/testlog.junit.xml").iter("testsuite"):
            for case in suite.iter("testcase"):
                tests += 1
                told = [part for kind in ("failure", "error") if (part := case.find(kind)) is not None]
                if told:
                    failed += 1
                    print(f"\n{build}: {suite.get('name')}: {case.get('name')}", file=out)
                    print(*words_of(suite, case, told)[-LINES:], sep="\n", file=out)
    print(tests, failed)


main()
