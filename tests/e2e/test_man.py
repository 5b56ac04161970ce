"""The manual pages that the build makes (tools/man-pages): each program's flags, settings and commands are in its page, nothing
else is, and what reads manual pages has nothing to complain of."""

import functools
import json
import re
import unittest

from harness import BUILD, client, program, run
from test_docs_names import EVERYWHERE, commands, flags, help_of

PAGES = {"anchord": "anchord.8", "anchorctl": "anchorctl.8", "anchorload": "anchorload.1"}
CONFIGURATION = "anchord.toml.5"


@functools.cache
def source(page):
    return (BUILD / "src/apps" / page).read_text()


def items(text):
    """What is explained in a part of a page, as it is typed: "--ttl SECONDS"."""
    found = re.findall(r"^\.TP\n(.*)$", text, re.M)
    return [re.sub(r"\\f[A-Z]", "", name).replace("\\-", "-").replace("\\(aq", "'") for name in found]


def parts(page):
    """The page's parts by their headings, those of the second level too."""
    pieces = re.split(r'^\.S[HS] "(.*)"$', source(page), flags=re.M)
    return {heading.replace("\\-", "-"): text for heading, text in zip(pieces[1::2], pieces[2::2])}


def names(text):
    return {item.split(" ")[0].rstrip(",") for item in items(text) if item.startswith("-")} - {"-h", "-V"}


class Pages(unittest.TestCase):
    def test_anchord_has_each_flag(self):
        page = source(PAGES["anchord"])
        negations = set(re.findall(r"switched off by \\fB(\S+)\\fR", page.replace("\\-", "-")))
        self.assertEqual(names(page) | negations, flags("anchord"))

    def test_the_configuration_file_has_each_setting(self):
        settings = json.loads(run(program("anchord"), "--explain", "--json", "--state", "/nonexistent").stdout)["settings"]
        told = {item.split(" = ")[0] for item in items(source(CONFIGURATION))}
        example = run(program("anchord"), "--example-config").stdout.decode()
        real = set(re.findall(r"^# ?([a-z-]+) = ", example, re.M))
        self.assertEqual({f"--{name}" for name in real}, {s["flag"] for s in settings} - {"--config"})
        # The opposite of a setting is one, too.
        self.assertEqual(told - real, {flag[2:] for flag in flags("anchord") if flag.startswith("--no-")})
        self.assertEqual(real - told, set())

    def test_each_command_has_its_flags_and_no_others(self):
        for name in ("anchorctl", "anchorload"):
            told = parts(PAGES[name])
            real = {" ".join(command[1:]): command for command in commands(name)}
            headings = {heading for heading in told if not heading.isupper()}
            self.assertEqual(headings, set(real), PAGES[name])
            for heading, command in real.items():
                self.assertEqual(names(told[heading]), flags(*command), command)
                by_place = {item for item in items(told[heading]) if not item.startswith("-")}
                listed = re.search(r"Positionals:\n((?: +.*\n)+)", help_of(*command))
                wanted = re.findall(r"^  (\S+)", listed[1], re.M) if listed else []
                self.assertEqual({item.split(" ")[0].removesuffix("...") for item in by_place}, set(wanted), command)
            self.assertEqual(names(told["OPTIONS"]) | EVERYWHERE, flags(name) | EVERYWHERE)

    def test_each_says_what_its_help_says(self):
        """Of each command its sentence."""
        for name in ("anchorctl", "anchorload"):
            for command in commands(name):
                sentence = help_of(*command).splitlines()[0]
                said = parts(PAGES[name])[" ".join(command[1:])].split(".TP")[0]
                plain = " ".join(re.sub(r"\\f[A-Z]", "", said).replace("\\-", "-").replace("\\(aq", "'").split())
                self.assertEqual(plain, f"{sentence[0].upper()}{sentence[1:]}.", command)

    def test_readers_of_manual_pages_find_nothing_wrong(self):
        for page in (*PAGES.values(), CONFIGURATION):
            path = BUILD / "src/apps" / page
            result = run(client("mandoc"), "-Tlint", "-Wstyle", path)
            # What a page refers to is installed beside it, and not on the machine that builds it.
            wrong = [line for line in result.stdout.decode().splitlines() if "referenced manual not found" not in line]
            self.assertEqual(wrong, [], page)
            formatted = run(client("man"), "--warnings", "-l", path)
            self.assertEqual((formatted.returncode, formatted.stderr), (0, b""), page)
            self.assertIn(b"SEE ALSO", formatted.stdout)


if __name__ == "__main__":
    import harness
    harness.main()
