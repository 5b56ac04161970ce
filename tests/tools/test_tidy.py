"""tools/tidying.py: each check finds what it is for in a made-up tree and passes over what is in order; this tree is."""

import contextlib
import io
import pathlib
import re
import sys
import tempfile
import textwrap
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

import tidying  # noqa: E402

HEADER = """\
    #pragma once
    namespace anchord {
    // Not given here: class Elsewhere.
    class Elsewhere;
    enum class Colour : int { red, green = 3 };
    struct Box {
      int width = 0;
      bool fits(int size) const;
    };
    inline constexpr int kMost = 3;
    inline int twice(int n) {
      return helper(n);
    }
    #define ANCHORD_LOUD(x) x
    using Boxes = Box*;
    }  // namespace anchord
    """


class MadeUp(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)

    def tree(self, files):
        for name, text in files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text))
        return tidying.Tree(self.root, files)

    def found(self, check, files, *args):
        return list(check(self.tree(files), *args))

    def assert_found(self, check, files, *beginnings, args=()):
        found = self.found(check, files, *args)
        self.assertEqual(len(found), len(beginnings), found)
        for finding, begins in zip(found, beginnings):
            self.assertTrue(finding.startswith(begins), f"{finding}\ndoes not begin with {begins}")


class Lengths(MadeUp):
    def test_lines_that_are_too_wide(self):
        files = {"a.cc": "x" * 111 + "\n" + "y" * 112 + "\n", "b.h": "é" * 111, "c.py": "#" * 141, "d.md": "w" * 500}
        self.assert_found(tidying.too_wide, files, "a.cc:2: 112 columns", "c.py:1: 141 columns")

    def test_files_that_are_too_long(self):
        files = {"a.cc": "\n" * 600, "b.h": "\n" * 601, "tests/data/c.h": "\n" * 900}
        self.assert_found(tidying.too_long_files, files, "b.h:600: 601 lines", args=({},))

    def test_a_file_that_may_be_longer_has_a_bound_of_its_own(self):
        files = {"a.cc": "\n" * 700}
        self.assert_found(tidying.too_long_files, files, args=({"a.cc": (700, "why")},))
        self.assert_found(tidying.too_long_files, files, "a.cc: 700 lines, and 699 were allowed (why)",
                          args=({"a.cc": (699, "why")},))

    def test_an_exception_that_nothing_needs_goes(self):
        self.assert_found(tidying.too_long_files, {"a.cc": "\n"}, "a.cc: it fits by now", "b.cc: there is no such file",
                          args=({"a.cc": (700, "why"), "b.cc": (700, "why")},))

    def test_functions_that_are_too_long(self):
        body = "  work();\n" * 68
        files = {
            "fits.cc": "void fits() {\n" + body + "}\n",
            "free.cc": "namespace a {\nvoid first() {}\nint long_one(int a,\n             int b) {\n  if (a) {\n  }\n" + body + "}\n}\n",
            "member.h": "class A {\n public:\n  A(int n)\n      : n_(n) {\n  " + body + "  }\n};\n",
            "type.h": "struct Big {\n" + "  int a;\n" * 99 + "};\n",
            "lists.cc": "const int kAll[] = {\n" + "  1,\n" * 99 + "};\nvoid after() {\n}\n",
            "a.py": "def short():\n    pass\n\n\ndef long_one():\n" + "    pass\n" * 70,
            "tool": "#!/usr/bin/env python3\ndef in_a_tool():\n" + "    pass\n" * 70,
        }
        self.assert_found(tidying.too_long_functions, files, "free.cc:3: long_one() has 73 lines", "member.h:3: A() has 71 lines",
                          "a.py:5: long_one() has 71 lines", "tool:2: in_a_tool() has 71 lines", args=({},))
        self.assert_found(tidying.too_long_functions, {"a.cc": "void f() {\n" + body * 2 + "}\n"}, args=({("a.cc", "f"): (138, "")},))
        self.assert_found(tidying.too_long_functions, {"a.cc": "void f() {\n}\n"}, "a.cc:1: f(): it fits by now",
                          "b.cc: g() is not there", args=({("a.cc", "f"): (138, ""), ("b.cc", "g"): (138, "")},))


class Words(MadeUp):
    def test_each_that_is_forbidden_is_found(self):
        examples = ["// TODO: more", "using namespace std;", "out << std::endl;", "strcpy(a, b);", "x();  // NOLINT", "#if 0",
                    "subprocess.run(['pkill', 'anchord'])", "except:"]
        self.assertEqual(len(examples), len(tidying.FORBIDDEN))
        for (_, endings, _), example in zip(tidying.FORBIDDEN, examples):
            name = "x" + endings[0]
            self.assert_found(tidying.forbidden_words, {name: f"a\n{example}\n"}, f"{name}:2: ")

    def test_what_is_like_them_is_not(self):
        self.assert_found(tidying.forbidden_words, {
            "a.cc": "using namespace std::literals;\nx();  // NOLINT(bugprone-use-after-move)\nfputs(a, b);\n#if 01\n",
            "b.py": "except OSError:\n", "tests/data/c.py": "except:\n"})


class Includes(MadeUp):
    def test_what_a_header_gives(self):
        self.assertEqual(tidying.declared(textwrap.dedent(HEADER)),
                         {"Colour", "red", "green", "Box", "width", "fits", "kMost", "twice", "ANCHORD_LOUD", "Boxes"})

    def test_an_include_of_which_nothing_is_used(self):
        files = {"include/anchord/base/box.h": HEADER, "src/base/box.cc": '#include "anchord/base/box.h"\n',
                 "src/base/used.cc": '#include "anchord/base/box.h"\nint n = anchord::kMost;\n',
                 "src/base/dead.cc": '#include <string>\n#include "anchord/base/box.h"\n// kMost\nElsewhere* e;\n',
                 "src/base/other.cc": '#include "CLI/CLI.hpp"\n'}
        self.assert_found(tidying.dead_includes, files, "src/base/dead.cc:2: nothing of anchord/base/box.h is used")

    def test_a_header_may_include_for_those_who_include_it(self):
        files = {"src/box.h": HEADER, "src/gathers.h": '#include "box.h"\nvoid gather();\n', "src/pch/all.h": '#include "../box.h"\n',
                 "src/user.cc": '#include "gathers.h"\nBox box = gather();\n'}
        self.assert_found(tidying.dead_includes, files)
        files["src/user.cc"] = '#include "gathers.h"\nauto x = gather();\n'
        self.assert_found(tidying.dead_includes, files, "src/gathers.h:1: nothing of box.h")


class Folders(MadeUp):
    def test_includes_run_downwards(self):
        files = {"src/m/low/a.h": "", "src/m/low/a.cc": '#include "low/a.h"\n#include "high/b.h"\n#include "m.h"\n',
                 "src/m/high/b.h": '#include "low/a.h"\n', "src/m/m.h": '#include "high/b.h"\n', "src/n/high/b.h": ""}
        order = {"src/m": ("low", "high")}
        self.assert_found(lambda tree: tidying.upward_includes(tree, order), files,
                          "src/m/low/a.cc:2: high/b.h stands above low/", "src/m/low/a.cc:3: m.h stands above low/")
        self.assert_found(lambda tree: tidying.upward_includes(tree, {"src/m": ("low", "wide")}), {"src/m/low/a.h": "", **{
            "src/m/high/b.h": ""}}, "src/m/high: the folder has no place", "src/m/wide: the folder is not there")


class Orphans(MadeUp):
    FILES = {
        "src/base/meson.build": "sources += {'base': files('a.cc')}  # 'c.cc'\n",
        "src/base/a.cc": '#include "a.h"\n',
        "src/base/a.h": "",
        "tests/fuzz/meson.build": "fuzzers = {'xml': ['trust']}\nforeach name, used : fuzzers\n  executable('fuzz-' + name, "
                                  "'fuzz_' + name + '.cc')\nendforeach\n",
        "tests/fuzz/fuzz_xml.cc": "",
        "tests/sim/meson.build": "files('../shared.cc')\n",
        "tests/shared.cc": "",
        "tests/e2e/meson.build": "foreach name : ['boot']\n  test('e2e-' + name, args: ['test_' + name])\nendforeach\n",
        "tests/e2e/test_boot.py": "",
        "tests/e2e/harness.py": "",
        "tests/pch/gtest.h": "",
        "tests/meson.build": "cpp_pch: 'pch/gtest.h'\n",
    }

    def test_what_a_build_names_is_in_order(self):
        self.assert_found(tidying.orphans, self.FILES)

    def test_what_no_build_names_is_found(self):
        more = {"src/base/c.cc": "", "src/base/c.h": "", "tests/fuzz/fuzz_http.cc": "", "tests/e2e/test_late.py": "",
                "bench/new_bench.cc": ""}
        self.assert_found(tidying.orphans, {**self.FILES, **more}, "src/base/c.cc: no meson.build names it",
                          "tests/fuzz/fuzz_http.cc: ", "bench/new_bench.cc: ", "tests/e2e/test_late.py: ",
                          "src/base/c.h: nothing includes it")


class Documents(MadeUp):
    def test_links_that_lead_nowhere(self):
        files = {"docs/a.md": """\
            # A
            [b](b.md) [b's part](b.md#the-1st-part-of-it) [up](../README.md) [web](https://example.com/x) [here](#a)
            [gone](gone.md)
            [no part](b.md#none) [none here](#b)
            ```text
            [in a block](gone.md)
            ```
            """, "docs/b.md": "## The 1st part, of `it`\n", "README.md": ""}
        self.assert_found(tidying.dead_links, files, "docs/a.md:3: gone.md: there is no such file",
                          "docs/a.md:4: b.md#none: there is no such heading", "docs/a.md:4: #b: there is no such heading")

    def test_prose_that_is_too_wide(self):
        wide = "word " * 25 + "x"
        files = {"docs/a.md": f"{wide[:125]}\n{wide}\n| {wide} |\n```text\n{wide}\n```\n[{wide[:120]}](https://example.com/x)\n",
                 "src/a.py": f"# {wide}\n"}
        self.assertEqual(len(wide), 126)
        self.assert_found(tidying.wide_prose, files, "docs/a.md:2: 126 columns: 125 at the most")

    def test_paths_that_are_not_there(self):
        files = {"CONTRIBUTING.md": "`src/a.cc`, `src/<module>/x.cc`, `tests/*.py`, `src/gone.cc` and `tools/test --quick`\n",
                 "CHANGELOG.md": "`src/of_before.cc`\n", "src/a.cc": "", "docs/adr/0001-x.md": "a\n\n`include/anchord/none.h`\n",
                 "tools/test": ""}
        self.assert_found(tidying.missing_paths, files, "CONTRIBUTING.md:1: `src/gone.cc`",
                          "docs/adr/0001-x.md:3: `include/anchord/none.h`")


class Command(MadeUp):
    def test_it_says_what_it_finds_and_fails(self):
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            self.assertEqual(tidying.main(self.tree({"a.md": "[x](gone.md)\n"})), 1)
        self.assertIn("a.md:1: gone.md: there is no such file", said.getvalue().splitlines()[-1])

    def test_this_tree_is_tidy(self):
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            self.assertEqual(tidying.main(), 0, said.getvalue())
        self.assertEqual(said.getvalue(), "")


class ThisTree(unittest.TestCase):
    def test_the_table_of_usual_changes_says_where_each_goes_and_what_shows_it(self):
        text = (ROOT / "CONTRIBUTING.md").read_text()
        table = text[text.index("| change | where | shown by |"):].split("\n\n")[0]
        rows = [line.strip("|").split("|") for line in table.splitlines()[2:]]
        self.assertGreaterEqual(len(rows), 20)
        for change, where, shown in rows:
            self.assertRegex(where, r"`[\w./-]+`|where ", change)
            self.assertRegex(shown, r"`(tests|tools)/[\w./-]+`|the build", change)

    def test_the_single_tests_that_are_named_are_there(self):
        """A filter that fits no test would pass."""
        named = 0
        for path in ("CONTRIBUTING.md", "tools/test"):
            for suite, group, test in re.findall(r"\b([a-z][\w-]+):([A-Z]\w+)\.(\w+|\*)", (ROOT / path).read_text()):
                named += 1
                if suite.startswith("e2e-"):
                    text = (ROOT / f"tests/e2e/test_{suite[4:]}.py").read_text()
                    self.assertRegex(text, rf"class {group}\b(.|\n)*def {test}\b", path)
                else:
                    texts = "".join(file.read_text() for file in sorted((ROOT / f"tests/{suite}").glob("*_test.cc")))
                    self.assertRegex(texts, rf"TEST(_F|_P)?\({group}, {'' if test == '*' else test}", path)
        self.assertGreaterEqual(named, 4)

    def test_editors_and_hooks_know_the_same_rules(self):
        columns = dict(re.findall(r"\[\*\.(\S+)\]\n(?:indent_size = 4\n)?max_line_length = (\d+)", (ROOT / ".editorconfig").read_text()))
        limit = re.search(r"ColumnLimit: (\d+)", (ROOT / ".clang-format").read_text())[1]
        self.assertEqual(columns["{cc,h}"], limit)
        self.assertEqual(tidying.COLUMNS[".cc"], int(limit) + 1)
        self.assertEqual(columns["py"], str(tidying.COLUMNS[".py"]))
        self.assertEqual(columns["md"], str(tidying.PROSE_COLUMNS))
        command = (ROOT / "tools/test").read_text()
        hooks = re.findall(r"entry: (.*)", (ROOT / ".pre-commit-config.yaml").read_text())
        self.assertEqual(hooks, ["clang-format-19 --dry-run -Werror", "tools/tidy", "python3 -B -m unittest discover -s tests/tools"])
        self.assertIn(f"check {hooks[0]}", command)


if __name__ == "__main__":
    import harness
    harness.main()
