"""What docs/lifecycle.md says is asked before a change is asked by the code that makes changes."""

import pathlib
import re
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]


class Guards(unittest.TestCase):
    def setUp(self):
        self.docs = (ROOT / "docs/lifecycle.md").read_text()
        self.store = "\n".join(path.read_text() for path in sorted((ROOT / "src/store").rglob("*.cc")))

    def test_each_question_that_is_named_is_asked(self):
        named = set(re.findall(r"`(who_\w+)\(\)`", self.docs))
        self.assertGreaterEqual(named, {"who_would_lock", "who_needs", "who_could_not_move"})
        for question in sorted(named):
            self.assertRegex(self.store, rf"trust::{question}\(", f"{question}() is documented, and nothing asks it")

    def test_each_question_that_there_is_is_named(self):
        header = (ROOT / "include/anchord/trust/lifecycle.h").read_text()
        for question in sorted(set(re.findall(r"\b(who_\w+)\(", header))):
            self.assertIn(f"`{question}()`", self.docs, f"{question}() is asked, and docs/lifecycle.md does not say so")

    def test_every_guarded_change_asks_them_all(self):
        """One function asks; whatever writes a change calls it."""
        for path in sorted((ROOT / "src/store").rglob("*.cc")):
            text = path.read_text()
            if re.search(r"= write_change\(|TRY\(write_change\(", text):
                self.assertIn("check_change(", text, f"{path.name} writes a change that no guard was asked about")

    def test_every_question_of_the_store_is_named_and_asked(self):
        guard = (ROOT / "src/store/changes/guard.cc").read_text()
        asks = guard[guard.index("check_change(Database& database, const Change& change,"):]
        asks = asks[:asks.index("\n}\n")]
        there = set(re.findall(r"^Status (check_\w+)\(", guard, re.MULTILINE))
        self.assertTrue(there)
        for question in sorted(there):
            self.assertIn(f"{question}(", asks, f"{question}() is there, and check_change() does not ask it")
        named = set(re.findall(r"`(check_\w+)\(\)`", self.docs)) - {"check_change"}
        self.assertEqual(there, named, "docs/lifecycle.md and src/store/changes/guard.cc name different questions")


class Database(unittest.TestCase):
    """Programs reach the database by the store's functions alone."""

    def test_headers_for_programs_only_name_the_session(self):
        for path in sorted((ROOT / "include/anchord/store").glob("*.h")):
            code = re.sub(r"//.*", "", path.read_text())
            self.assertNotRegex(code, r"sqlite|\bDatabase\b|\bStatement\b", path.name)
            self.assertNotRegex(code, r"(struct|class) Session\b(?!;)", path.name)

    def test_nobody_else_speaks_to_it(self):
        for path in sorted(path for path in (ROOT / "src").rglob("*") if path.suffix in (".cc", ".h")):
            if path.is_relative_to(ROOT / "src/store") or path.is_relative_to(ROOT / "src/pch"):
                continue
            self.assertNotRegex(path.read_text(), r"#include <sqlite3|store\(?\)?(\.|->)session\(\)", str(path))


class Rules(unittest.TestCase):
    """The tables of rules are those of the world with faults, and what shows them is there."""

    def setUp(self):
        docs = (ROOT / "docs/lifecycle.md").read_text()
        part = docs[docs.index("## What each rule is for"):]
        cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in part.splitlines() if line.startswith("| ")]
        self.rows = [row for row in cells if row[-1] != "shown by"]
        rules = (ROOT / "tests/trust/world/rules.h").read_text()
        self.names = dict(re.findall(r'\{Rule::(\w+), "([a-z-]+)"\}', rules))
        self.by_name = {}
        for row in self.rows:
            name = re.match(r"`([a-z-]+)`", row[0])
            if name:
                self.assertNotIn(name[1], self.by_name, "a rule has two rows")
                self.by_name[name[1]] = row

    def test_the_rules_that_are_named_are_those_that_can_be_switched_off(self):
        self.assertEqual(set(self.by_name), set(self.names.values()))

    def test_each_says_which_phone_locks_and_what_shows_it(self):
        for row in self.rows:
            self.assertEqual(len(row), 3, row)
            self.assertTrue(row[1], row)
            self.assertRegex(row[2], r"`\w+\.\w+`|world \d+", f"nothing shows {row[0]}")

    def test_the_tests_that_are_named_are_there(self):
        units = "\n".join(path.read_text() for path in sorted((ROOT / "tests").glob("*/*_test.cc")))
        there = {f"{suite}.{name}" for suite, name in re.findall(r"^TEST(?:_[FP])?\((\w+), (\w+)\)", units, re.MULTILINE)}
        for path in sorted((ROOT / "tests/e2e").glob("test_*.py")):
            suite = ""
            for line in path.read_text().splitlines():
                if found := re.match(r"class (\w+)", line):
                    suite = found[1]
                elif found := re.match(r"    def (test_\w+)", line):
                    there.add(f"{suite}.{found[1]}")
        for row in self.rows:
            for test in re.findall(r"`(\w+\.\w+)`", row[2]):
                self.assertTrue(test in there, f"{row[0]} is shown by {test}, which there is not")

    def test_the_worlds_that_are_named_are_those_that_are_tried(self):
        tried = dict(re.findall(r"Without\{Rule::(\w+), \S+ (\d+)\}", (ROOT / "tests/trust/world_test.cc").read_text()))
        self.assertTrue(tried)
        named = {name: seed[1] for name, row in self.by_name.items() if (seed := re.search(r"world (\d+)", row[2]))}
        self.assertEqual(named, {self.names[rule]: seed for rule, seed in tried.items()})


class Evidence(unittest.TestCase):
    def test_each_kind_that_can_be_set_is_explained(self):
        docs = (ROOT / "docs/lifecycle.md").read_text()
        table = docs[docs.index("| evidence | a guard is released by"):]
        table = table[:table.index("\n\n")]
        there = re.findall(r'return "(\w+)";', (ROOT / "src/trust/evidence.cc").read_text())
        self.assertEqual(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE), there)


if __name__ == "__main__":
    unittest.main()
