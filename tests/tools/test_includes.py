"""Headers that take long to read stay where they are needed."""

import pathlib
import re
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]


class Anchorctl(unittest.TestCase):
    FOLDER = ROOT / "src/apps/anchorctl"

    def including(self, header, files):
        return {str(path.relative_to(self.FOLDER)) for path in files
                if re.search(rf'^#include [<"]{re.escape(header)}[>"]', path.read_text(), re.M)}

    def sources(self):
        return [path for path in self.FOLDER.rglob("*") if path.suffix in (".cc", ".h")]

    def test_one_file_knows_cli11(self):
        """It takes longer to read than all others together: what a command takes is data."""
        self.assertEqual(self.including("CLI/CLI.hpp", self.sources()), {"command_line.cc"})
        shared = [path for path in (ROOT / "src/apps").glob("*.h") if "CLI/CLI.hpp" in path.read_text()]
        self.assertEqual(shared, [], "anchorctl's files include it by these")

    def test_includes_run_downwards(self):
        """As Meson has it, and here also where a path goes up and down again."""
        order = ["client", "render", "commands"]
        for path in self.sources():
            folder = path.relative_to(self.FOLDER).parts[0]
            if folder not in order:
                continue
            for included in re.findall(r'^#include "([^"]+)"', path.read_text(), re.M):
                above = order[order.index(folder) + 1:]
                self.assertFalse([part for part in included.split("/")[:-1] if part in above], f"{path}: {included}")


if __name__ == "__main__":
    unittest.main()
