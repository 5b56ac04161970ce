"""What phones' files are called is said by one module, and docs/formats.md says the same."""

import pathlib
import re
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/e2e"))

from documents import table  # noqa: E402

MODULE = ("src/phone/", "include/anchord/phone/")
# Names of phones' files, and the endings of these.
NAMES = re.compile(r"\.(?:cnf|tlv|sgn|enc|sha512|xml)\b|\b(?:ITL|CTL)(?:File|SEP)|XMLDefault", re.I)
# A comment, a raw string or a character, which hold no name, or a string.
TOKEN = re.compile(r"//[^\n]*|/\*.*?\*/|R\"(\w*)\(.*?\)\1\"|'(?:[^'\\\n]|\\.)'|\"((?:[^\"\\\n]|\\.)*)\"", re.S)


def strings(code):
    """Each string of a source, with the line that it is in."""
    for token in TOKEN.finditer(code):
        if token[2] is not None:
            yield code.count("\n", 0, token.start()) + 1, token[2]


def spelt_elsewhere():
    found = []
    for folder in ("src", "include"):
        for path in sorted((ROOT / folder).rglob("*")):
            name = str(path.relative_to(ROOT))
            if path.suffix in (".cc", ".h") and not name.startswith(MODULE):
                code = path.read_text()
                found += [f"{name}:{line}: \"{text}\"" for line, text in strings(code) if NAMES.search(text)]
    return found


class FileKinds(unittest.TestCase):
    def setUp(self):
        self.header = (ROOT / "include/anchord/phone/file_kind.h").read_text()
        self.source = (ROOT / "src/phone/file_kind.cc").read_text()

    def rows(self):
        """The pattern of each kind's names, as the code has it."""
        constants = dict(re.findall(r'constexpr char (k\w+)\[\] = "([^"]*)";', self.header))
        rows = re.findall(r'\{FileKind::(\w+), (k\w+|"[^"]*"), (true|false), "([^"]*)"\}', self.header)
        return {kind: constants.get(before, before.strip('"')) + ("SEP<mac>" if of_device == "true" else "") + after
                for kind, before, of_device, after in rows}

    def test_what_is_looked_for_is_found(self):
        code = 'a("SEP.cnf.xml"); // ".tlv"\nb(".SGN", \'"\', "x.sgnx", R"(\nITLFile)", "/* XMLDefault", "ctlsep");'
        self.assertEqual([(line, text) for line, text in strings(code) if NAMES.search(text)],
                         [(1, "SEP.cnf.xml"), (2, ".SGN"), (3, "/* XMLDefault"), (3, "ctlsep")])

    def test_no_other_module_spells_a_name(self):
        self.assertEqual(spelt_elsewhere(), [], "use anchord/phone/file_kind.h")

    def test_every_kind_has_a_row(self):
        kinds = re.search(r"enum class FileKind : std::uint8_t \{(.*?)\};", self.header, re.S)
        names = re.findall(r"^  (\w+),", kinds[1], re.M)
        self.assertEqual(list(self.rows()), [name for name in names if name != "other"])

    def test_the_documents_have_the_same_kinds(self):
        said = [row.cells[0].strip("`") for row in table("docs/formats.md", "Names of files", "name")]
        self.assertEqual(said, [*self.rows().values(), "any other"])

    def test_the_documents_have_the_same_endings(self):
        endings = re.search(r"kEndings\{(.*?)\}", self.source, re.S)
        said = [row.cells[0].strip("`").removeprefix("F") for row in table("docs/formats.md", "Names of files", "form")]
        self.assertEqual(said, re.findall(r'"([^"]*)"', endings[1]))


if __name__ == "__main__":
    unittest.main()
