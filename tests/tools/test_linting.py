"""tools/linting.py: what is looked at again, and where a changed header is."""

import pathlib
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

import linting  # noqa: E402
import selection  # noqa: E402
import tidying  # noqa: E402

FILES = {
    "include/anchord/base/box.h": "struct Box {};\n",
    "include/anchord/base/shelf.h": '#include "anchord/base/box.h"\n',
    "include/anchord/base/other.h": "",
    "src/base/all.cc": '#include "anchord/base/shelf.h"\n',
    "src/base/box.cc": '#include "anchord/base/box.h"\n',
    "src/base/none.cc": "#include <string>\n",
    "tests/base/box_test.cc": '#include "anchord/base/box.h"\n',
}


class Linting(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)

    def sources(self, **changed):
        files = {**FILES, **{path.replace("__", "/") + ".h": text for path, text in changed.items()}}
        for name, text in files.items():
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
            (self.root / name).write_text(text)
        return linting.Sources(tidying.Tree(self.root, files))

    def test_a_file_is_looked_at_again_when_what_it_includes_has_changed(self):
        before = self.sources()
        after = self.sources(include__anchord__base__box="struct Box { int width; };\n")
        again = [path for path in after.files if before.fingerprint(path, "") != after.fingerprint(path, "")]
        self.assertEqual(again, ["src/base/all.cc", "src/base/box.cc"])

    def test_all_are_looked_at_again_when_the_rules_have_changed(self):
        sources = self.sources()
        for path in sources.files:
            self.assertNotEqual(sources.fingerprint(path, "old"), sources.fingerprint(path, "new"))

    def test_a_changed_header_is_looked_at_in_one_file(self):
        sources = self.sources()
        self.assertEqual(sources.looked_at_in(["include/anchord/base/box.h"]), ["src/base/box.cc"])
        self.assertEqual(sources.looked_at_in(["include/anchord/base/shelf.h"]), ["src/base/all.cc"])
        self.assertEqual(sources.looked_at_in(["include/anchord/base/other.h", "tests/base/box_test.cc", "docs/x.md"]), [])
        self.assertEqual(sources.looked_at_in(["src/base/none.cc", "src/base/gone.cc", "include/anchord/base/box.h",
                                               "src/base/box.cc"]), ["src/base/none.cc", "src/base/box.cc"])


class Changed(unittest.TestCase):
    def test_what_has_changed_most_comes_first(self):
        answers = {("rev-parse", "HEAD"): "b", ("merge-base", "HEAD", "origin/main"): "a",
                   ("rev-parse", "--abbrev-ref", "@{upstream}"): "origin/main",
                   ("diff", "--numstat", "--no-renames", "a"): "1\t2\tfew.cc\n-\t-\tpicture.png\n9\t0\tmany.cc",
                   ("ls-files", "--others", "--exclude-standard"): "new.cc"}
        git = selection.git
        self.addCleanup(setattr, selection, "git", git)
        selection.git = lambda *args: answers[args]
        self.assertEqual(selection.changed_files(), ["new.cc", "many.cc", "few.cc", "picture.png"])


if __name__ == "__main__":
    import harness
    harness.main()
