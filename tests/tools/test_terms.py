"""docs/glossary.md says how things are called: words that were ours alone stay away."""

import pathlib
import re
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]

# In any text: code, comments, tests, docs.
ANYWHERE = [
    r"goodbye", r"\btls_greeting\b", r"\bgreeting_?\b", r"\bGreeted\b", r"\bshaking\b", r"\b[Ss]trangers\b",
    r"\bmax[-_]strangers\w*", r"\bk(Max|Per)?Strangers?\b", r"\btftp_(strangers|guessed|repeats|unsent)\b",
    r"\b(repeated_requests|agreed_(blksize|windowsize))\b", r"\bk(Max)?Unsent", r"\bkMaxRepeats\b", r"\brows? of datagrams\b",
    r"\bGathered\b", r"\bsend_gathered\b", r"\bRecordLog\b", r"\brecord_log\b", r"\bSourceBudget\b", r"\bsource_budget\b",
    r"\bReaderPins\b", r"\brelieve_(pressure|starvation)\b", r"\bHandedOut\b", r"\bhanded_out\b", r"\bsettle_ledger\b",
    r"\b[Tt]akeover(_\w+)?\b", r"\b[Cc]ensus_?\b", r"\b[Tt]ally_?\b", r"Wish\b", r"[Pp]atience", r"\bPATIENCE\b",
]
# Names in C++; in prose they are plain English.
IN_CODE = [
    r"\b(Terms|Publisher|Given|GivenFile|Holding|Some|Site|Place|Inside|Standing|Way|Purse|Stranger)\b",
    r"\b(agree|become|offer|offering|turn|standing|holding|shake_hands)\(", r"\b(turns?|unsent|repeats|holding|standing|wish)_\b",
    r"greeted|unsent|kTurn|PerTurn|EachTurn|TurnsAtOnce|(each|show|last)_turns?", r"\bNext::repeat\b", r"\bholding_\w+\b",
]
# How the table was called in the stores that are brought up.
ALLOWED = {("src/store/changes/migrate.cc", "handed_out"), ("tests/store/migrate_test.cc", "handed_out"),
           ("tests/store/evidence_test.cc", "handed_out"), ("src/control/process/settings.cc", "max-strangers")}
TEXTS = {".cc", ".h", ".py", ".md", ".build", ".txt", ".sh", ""}


def code_of(text):
    """C++ without its comments and literals."""
    pattern = r'R"(\w*)\((?:.|\n)*?\)\1"|"(?:\\.|[^"\\\n])*"|//[^\n]*|/\*(?:.|\n)*?\*/'
    return re.sub(pattern, lambda match: "\n" * match[0].count("\n"), text)


def words(patterns, text):
    """Each of the words that is there: the number of its line, and the word."""
    for match in re.finditer("|".join(f"(?:{p})" for p in patterns), text):
        yield text.count("\n", 0, match.start()) + 1, match[0]


def files():
    for top in ("include", "src", "tests", "bench", "tools", "docs", "README.md", "CONTRIBUTING.md", "SECURITY.md", "meson.build"):
        below = [ROOT / top] if (ROOT / top).is_file() else sorted((ROOT / top).rglob("*"))
        for path in below:
            name = path.relative_to(ROOT).as_posix()
            if path.is_file() and path.suffix in TEXTS and path != pathlib.Path(__file__).resolve() \
                    and not name.startswith(("tests/data/", "tests/fuzz/corpus/")) and "__pycache__" not in name:
                yield name, path


class Terms(unittest.TestCase):
    def test_old_words_are_found(self):
        self.assertEqual(list(words(ANYWHERE, "a\nsay_goodbye(slot); kHandshakePatience")), [(2, "goodbye"), (2, "Patience")])
        code = code_of('// Some turn(s)\nf("Given"); turn(now);\nstruct Some {};')
        self.assertEqual(list(words(IN_CODE, code)), [(2, "turn("), (3, "Some")])

    def test_no_old_word_has_come_back(self):
        wrong = []
        seen = 0
        for name, path in files():
            text = path.read_text(errors="replace")
            seen += 1
            found = list(words(ANYWHERE, text))
            if path.suffix in (".cc", ".h"):
                found += words(IN_CODE, code_of(text))
            wrong += [f"{name}:{number}: {word}" for number, word in found if (name, word) not in ALLOWED]
        self.assertGreater(seen, 500)
        self.assertFalse(wrong, "docs/glossary.md has another word for each of these:\n" + "\n".join(wrong))

    def test_the_glossary_has_a_sentence_and_a_source_for_each_term(self):
        rows = [line for line in (ROOT / "docs/glossary.md").read_text().splitlines()
                if line.startswith("| ") and line != "| term | meaning | defined by |"]
        self.assertGreater(len(rows), 50)
        for row in rows:
            cells = [cell.strip() for cell in row.strip("|").split(" | ")]
            self.assertEqual(len(cells), 3, row)
            self.assertTrue(cells[1].endswith(".") and cells[2], row)
