"""What docs/lifecycle.md says is asked before a change is asked by the code that makes changes."""

import pathlib
import re
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]


class Guards(unittest.TestCase):
    def setUp(self):
        self.docs = (ROOT / "docs/lifecycle.md").read_text()
        self.store = "\n".join(path.read_text() for path in sorted((ROOT / "src/store").glob("*.cc")))

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
        for path in sorted((ROOT / "src/store").glob("*.cc")):
            text = path.read_text()
            if re.search(r"= write_change\(", text):
                self.assertIn("check_change(", text, f"{path.name} writes a change that no guard was asked about")


if __name__ == "__main__":
    unittest.main()
