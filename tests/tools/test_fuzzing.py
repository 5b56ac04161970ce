"""tools/fuzzing.py on made-up fuzzers: what covers more is kept, what crashes is kept and named."""

import pathlib
import sys
import tempfile
import textwrap
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

import fuzzing  # noqa: E402

# Covers as many edges as its inputs have different letters; finds what FINDS holds, and crashes on what CRASHES holds.
FAKE = """\
    #!/usr/bin/env python3
    import pathlib, sys
    options = dict(a[1:].split("=", 1) for a in sys.argv[1:] if a.startswith("-"))
    folders = [pathlib.Path(a) for a in sys.argv[1:] if not a.startswith("-")]
    def letters(*of): return set("".join(f.read_text() for folder in of for f in sorted(folder.iterdir())))
    if "set_cover_merge" in options:
        for file in sorted(folders[1].iterdir()):
            if set(file.read_text()) - letters(folders[0]):
                (folders[0] / file.name).write_text(file.read_text())
    elif options.get("runs") == "0":
        print(f"#7 DONE   cov: {len(letters(*folders))} ft: 99")
    else:
        print("stat::number_of_executed_units: 1234")
        for text in FINDS: (folders[0] / f"new-{text}").write_text(text)
        for text in CRASHES: pathlib.Path(options["artifact_prefix"] + "crash-" + text).write_text(text)
        sys.exit(77 if CRASHES else 0)
"""


class Fuzz(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.corpus = self.folder / "corpus"
        self.corpus.mkdir()
        (self.corpus / "one").write_text("ab")

    def fuzz(self, finds=(), crashes=(), **how):
        program = self.folder / "fuzz-fake"
        program.write_text(textwrap.dedent(FAKE).replace("FINDS", repr(finds)).replace("CRASHES", repr(crashes)))
        program.chmod(0o755)
        return fuzzing.fuzz("fake", program, self.corpus, self.folder, 1, **how)

    def test_what_covers_more_goes_into_the_corpus(self):
        result = self.fuzz(finds=("ba", "bc"))
        self.assertEqual((result.runs, result.before, result.after, result.added), (1234, 2, 3, 1))
        self.assertEqual(sorted(f.name for f in self.corpus.iterdir()), ["new-bc", "one"])
        self.assertFalse(result.failed or result.crashes)
        self.assertIn("1,234", fuzzing.table([result]))

    def test_what_covers_nothing_new_does_not(self):
        self.assertEqual(self.fuzz(finds=("ba",)).added, 0)
        self.assertEqual(self.fuzz(finds=("xyz",), dry=True).added, 0)
        self.assertEqual([f.name for f in self.corpus.iterdir()], ["one"])

    def test_a_crash_is_kept_and_named(self):
        result = self.fuzz(crashes=("boo",))
        self.assertTrue(result.failed)
        self.assertEqual([f.read_text() for f in result.crashes], ["boo"])
        self.assertIn("crash-boo", fuzzing.table([result]))
        self.assertEqual(self.fuzz().crashes, [])  # one of before is not found again

    def test_names_are_those_of_meson(self):
        text = (ROOT / "tests/fuzz/meson.build").read_text()
        table = text[text.index("fuzzers = {"):text.index("}")]
        self.assertEqual(fuzzing.names(), sorted(line.split("'")[1] for line in table.splitlines() if "'" in line))


if __name__ == "__main__":
    import harness
    harness.main()
