"""Tables that stand in the code once, and in the documents and the schema of the store again, say the same everywhere."""

import pathlib
import re
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/e2e"))

from documents import table  # noqa: E402


def text(path):
    return (ROOT / path).read_text()


def words(listed):
    return re.findall(r"[\w+-]+", listed)


class Roles(unittest.TestCase):
    def test_documents_have_each_with_its_number(self):
        header = text("include/anchord/wire/header.h")
        numbers = dict(re.findall(r"^  (\w+) = (\d+),", re.search(r"enum class Role .*?\};", header, re.S)[0], re.M))
        names = dict(re.findall(r'\{Role::(\w+), "([^"]+)"\}', header))
        self.assertEqual(set(numbers), set(names))
        said = {row.cells[2].strip("`"): row.cells[0] for row in table("docs/formats.md", "Roles", "value")}
        self.assertEqual(said, {names[role]: number for role, number in numbers.items()})


class Services(unittest.TestCase):
    def setUp(self):
        self.names = re.findall(r'\{Service::\w+, "([^"]+)"\}', text("src/trust/cluster.cc"))
        self.assertTrue(self.names)

    def test_the_store_takes_these(self):
        checks = re.findall(r"(?:service|retired_from) IN \(([^)]*)\)", text("src/store/database/schema.h"))
        self.assertTrue(checks)
        for check in checks:
            self.assertEqual(re.findall(r"'([^']+)'", check), self.names)

    def test_documents_have_these(self):
        formats = next(row for row in table("docs/formats.md", "State directory", "table") if row.cells[1] == "`service`")
        self.assertEqual(re.findall(r"`([^`]+)`", formats.cells[2]), self.names)
        for command in ("export", "regenerate"):
            said = re.search(rf"`cert {command} ([^`]+)`", text("docs/commands.md"))
            self.assertEqual(said[1].replace("\\", "").split("|"), self.names)


class Expiry(unittest.TestCase):
    def test_documents_have_the_limits(self):
        limits = words(re.search(r"kExpiryDays\{([^}]*)\}", text("include/anchord/crypto/expiry.h"))[1])
        for path in ("docs/reference/log.md", "docs/architecture.md"):
            said = re.search(r"less\s+than\s+(\d+),\s+(\d+)\s+or\s+(\d+)(?:\s+days|\s+are left)", text(path), re.I)
            self.assertEqual(list(said.groups()), limits, path)
        level = re.search(r"level:\s+`ok`,\s+((?:`\d+`[,\s]+)+)", text("docs/guides/changing-trust.md"))
        self.assertEqual(words(level[1]), limits)


if __name__ == "__main__":
    unittest.main()
