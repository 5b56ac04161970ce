"""Every error and warning of the programs either names its remedy in its own line, or docs/reference/errors.md says what to do
about it; docs/guides/day-to-day.md, of what `status` warns of."""

import functools
import re
import unittest

from documents import ROOT, table
from test_docs_names import ERRORS, LOG, VALUE, WARNINGS, joined

# Where texts of errors are made, but for anchorload's: what it says is wrong is a server's answer. wrong_usage() is not here:
# each of its lines ends with "see anchorctl COMMAND --help".
MAKES = re.compile(r"(?<![\w.:])(?:crypto::)?(?:fail|warn)\(|\bout\.(?:push|emplace)_back\(")
IN = ("src", "include/anchord")
OUT = ("src/apps/anchorload/", "src/base/log.cc")
# What is no text for people: a list that happens to be called `out`.
STATUS = "src/report/problems.cc"

VERBS = """add adopt allow ask bring call check choose connect copy correct decrypt end export fetch free give import keep leave let
    look lower make mend move name put raise regenerate remove repair replace reset restart restore run save say see send set
    shorten sign split start stop strip take try undo unpack upgrade use wait write""".split()
# An instruction, a command in quotes, an option, or a need.
REMEDY = re.compile(rf"(?:[:;,(]|\band|\bor|\bto|\bthen) ?(?:first |please |then |at least )?(?:{'|'.join(VERBS)})\b"
                    r"|'(?:anchorctl|anchord|openssl|keytool|chmod|sudo|cert|phone|file) |--[a-z]|is needed|needs? (?:one|more)\b")


def argument(code, start):
    """What stands between the parentheses of which the first is in front of `start`, and its literals as one."""
    at, depth, texts = start, 1, []
    while depth:
        literal = re.compile(r'"((?:[^"\\]|\\.)*)"').match(code, at)
        if literal:
            texts.append(literal[1])
            at = literal.end()
            continue
        if code[at] == "'" and (char := re.compile(r"'(?:[^'\\]|\\.)'").match(code, at)):
            at = char.end()
            continue
        depth += {"(": 1, ")": -1}.get(code[at], 0)
        at += 1
    # Of a choice between two literals each is a text of its own.
    inner = code[start:at - 1]
    return inner, texts


@functools.cache
def errors():
    """Each text with \\0 for what is put in, and where it is made."""
    found = []
    for folder in IN:
        for path in sorted((ROOT / folder).rglob("*")):
            name = str(path.relative_to(ROOT))
            if path.suffix not in (".cc", ".h") or name.startswith(OUT):
                continue
            code = re.sub(r"^[ \t]*//.*$", lambda m: " " * len(m[0]), path.read_text(), flags=re.M)
            for call in MAKES.finditer(code):
                if call[0].startswith("out.") and name != STATUS:
                    continue
                inner, texts = argument(code, call.end())
                text = re.sub(r"\{[^{}]*\}", "\0", "".join(texts)).replace('\\"', '"').strip()
                if re.search(r"[a-z]{3}", text):
                    found.append((text, f"{name}:{code.count(chr(10), 0, call.start()) + 1}"))
    return found


ROWS = (*ERRORS, *WARNINGS, LOG)


@functools.cache
def documented():
    fits = []
    for rows in ROWS:
        for row in table(*rows):
            for span in row.spans():
                parts = [part.strip(" ,;:") for part in VALUE.split(span.replace("'", ""))]
                if any(re.search(r"[a-z]{3}", part) for part in parts):
                    fits.append(re.compile(".*".join(map(re.escape, parts)), re.S))
    return fits


class Errors(unittest.TestCase):
    def test_each_names_its_remedy_or_has_a_row(self):
        wrong = [f"{where}: {text}".replace("\0", "…") for text, where in errors()
                 if not REMEDY.search(text) and not any(fit.search(text.replace("'", "")) for fit in documented())]
        self.assertFalse(wrong, f"{len(wrong)} texts of errors that name no remedy behind a colon or semicolon; add one, or a row to "
                         "docs/reference/errors.md:\n" + joined(wrong))

    def test_there_are_as_many_as_ever(self):
        """The scan finds texts at all."""
        self.assertGreater(len(errors()), 300)
        self.assertGreater(sum(where.startswith(STATUS) for _, where in errors()), 8)
        self.assertIn("nothing was removed", [text for text, _ in errors()])
