"""What README.md and docs/*.md name exists, and what exists they name: commands, flags, settings, counters, fields of JSON,
lines of the log, errors, files and functions."""

import collections
import errno
import functools
import json
import os
import re
import unittest

import documents
from documents import NAMES, ROOT, blocks, spans, table
from harness import BUILD, Case, Service, program, run

PROGRAMS = ("anchord", "anchorctl", "anchorload")
FLAG = re.compile(r"(?<![\w-])--[a-z][a-z0-9-]*")
EVERYWHERE = {"--help", "--version"}

# A program's name where a command begins, not within a sentence.
CALLED = re.compile(r"^(?:sudo -u \w+ )?(?:\S*/)?(anchord|anchorctl|anchorload)(?= |$)(.*)")

# Flags of programs of other people's that docs name, each where it stands.
FOREIGN_FLAGS = {
    "docs/guides/clusters.md": {"--auto-compaction-mode", "--auto-compaction-retention", "--max-txn-ops"},
    "docs/guides/install.md": {"--prefix", "--wrap-mode", "--buildtype", "--sysconfdir", "--create"},
    "docs/reference/settings.md": {"--option"},
    "CONTRIBUTING.md": {"--buildtype", "--gtest_filter"},
}

# Documents, sections and first cells of the tables of what programs take and say.
SETTINGS = ("docs/reference/settings.md", "All settings")
LOG = ("docs/reference/log.md", "All lines", "line")
ERRORS = (("docs/reference/errors.md", "Errors", "the line begins"),
          ("docs/reference/errors.md", "What is said of something", "what is said"))
WARNINGS = (("docs/reference/errors.md", "Warnings", "a warning"), ("docs/guides/day-to-day.md", "What status warns of", "a warning"))

# Programs of other people's that docs name with arguments.
OTHERS = {"apt", "curl", "ethtool", "ip", "meson", "nstat", "sqlite3", "ss", "sudo", "sysctl", "systemctl", "systemd-analyze"}


@functools.cache
def help_of(*command):
    result = run(program(command[0]), *command[1:], "--help")
    assert result.returncode == 0, (command, result.stderr)
    return result.stdout.decode()


def subcommands(*command):
    parts = help_of(*command).split("Subcommands:\n")
    return re.findall(r"^  ([a-z][\w-]*) ", parts[1], re.M) if len(parts) > 1 else []


def flags(*command):
    """Of this command itself: those of the ones above it are theirs."""
    found = set()
    for line in help_of(*command).splitlines():
        if line.startswith("  -"):
            found |= {f"--{name}" for name in re.findall(r"--([a-z][\w-]*)", line.split("  ")[1].split(" ")[0])}
    return found - EVERYWHERE


def spelt(*command):
    """Each flag of this command itself as docs write it: "--ttl SECONDS", "--host NAME...", "--json"."""
    found = {}
    for line in help_of(*command).splitlines():
        flag = re.match(r"  (--[a-z][\w-]*)(?: (?!REQUIRED)(\S+?)(?::\[[^\]]*\])?)?( \.\.\.)?(?: REQUIRED)?(?: |$)", line)
        if flag:
            found[flag[1]] = flag[1] + (f" {flag[2]}" if flag[2] else "") + (flag[3] or "").strip()
    return found


@functools.cache
def commands(*above):
    """All that can be called, each a tuple that begins with its program."""
    below = subcommands(*above)
    is_one = not below or len(above) > 1 and bool(flags(*above))
    return [above] * is_one + [found for name in below for found in commands(*above, name)]


@functools.cache
def all_flags():
    every = {(name,): flags(name) for name in PROGRAMS}
    for name in ("anchorctl", "anchorload"):
        every |= {command: flags(*command) for command in commands(name)}
    return every


def joined(things):
    return "\n".join(map(str, things))


class Names(unittest.TestCase):
    def none(self, wrong, what):
        wrong = list(dict.fromkeys(map(str, wrong)))
        self.assertFalse(wrong, f"{what}:\n" + joined(wrong))


class Commands(Names):
    def documented(self, name):
        """For each row of docs/commands.md: the command, and the flags in it."""
        for row in table("docs/commands.md", name, "command"):
            span = row.spans(0)[0]
            words = [] if row.cells[0].startswith("all:") else re.match(r"[a-z -]*", span).group().split(" -")[0].split()
            yield row, words, set(FLAG.findall(row.cells[0] + row.cells[1]))

    def test_each_has_a_row_and_each_row_is_one(self):
        wrong = []
        for name in ("anchorctl", "anchorload"):
            real = {" ".join(command[1:]) for command in commands(name)}
            told = collections.Counter()
            for row, words, _ in self.documented(name):
                while words and " ".join(words) not in real:
                    words = words[:-1]
                told[" ".join(words)] += 1
                if not words and not row.cells[0].startswith("all:"):
                    wrong.append(f"{row}: {row.cells[0]} is no command of {name}'s")
            wrong += [f"docs/commands.md, '{name}': no row for `{command}`" for command in sorted(real - set(told))]
            wrong += [f"docs/commands.md, '{name}': {n} rows for `{command}`" for command, n in told.items() if n > 1]
        self.none(wrong, "commands")

    def test_each_has_the_flags_of_its_row_and_no_others(self):
        wrong = []
        for name in ("anchorctl", "anchorload"):
            common = {flag for row, words, named in self.documented(name) if not words for flag in named}
            for row, words, named in self.documented(name):
                while words and (name, *words) not in commands(name):
                    words = words[:-1]
                if not words:
                    continue
                real = all_flags()[(name, *words)]
                wrong += [f"{row}: `{' '.join(words)}` has no {flag}" for flag in sorted(named - real)]
                wrong += [f"{row}: the row of `{' '.join(words)}` lacks {flag}" for flag in sorted(real - named - common)]
        self.none(wrong, "flags of commands")

    def test_each_row_of_anchorctl_is_that_of_its_table(self):
        """In the same order, with the same sentence, and each flag's value spelt alike: both are the table of commands."""
        wrong, order = [], []
        for row, words, named in self.documented("anchorctl"):
            while words and ("anchorctl", *words) not in commands("anchorctl"):
                words = words[:-1]
            if not words:
                continue
            command = ("anchorctl", *words)
            order.append(command)
            says = help_of(*command).splitlines()[0]
            if row.cells[2] != says:
                wrong.append(f"{row}: it says '{row.cells[2]}', and --help '{says}'")
            text = f"{row.cells[0]} {row.cells[1]}".replace("\\|", "|")
            wrong += [f"{row}: {flag} is `{spelling}`" for flag, spelling in spelt(*command).items()
                      if flag in named and not re.search(rf"{re.escape(spelling)}(?=[`\s]|$)", text)]
        real = [command for command in commands("anchorctl") if command != ("anchorctl",)]
        if order != real:
            wrong.append(f"docs/commands.md, 'anchorctl': the order is that of --help, {[' '.join(c[1:]) for c in real]}")
        self.none(wrong, "rows of anchorctl's commands")

    def test_what_is_called_like_a_command_is_one(self):
        """`cert regenerate tvs`, `anchorctl phone trace SEP...`, and the flags in them."""
        wrong = []
        first = {name: set(subcommands(name)) for name in ("anchorctl", "anchorload")}
        for document in NAMES:
            texts = [(s, s.text) for s in spans(document)]
            texts += [(b, c) for b in blocks(document) if b.language in ("console", "sh") for c, _ in b.commands()]
            for where, text in texts:
                called = re.search(CALLED, text)
                if called:
                    name, rest = called.groups()
                elif re.match(r"[a-z]+ [a-z-]", text) and text.split()[0] in first["anchorctl"]:
                    name, rest = "anchorctl", text
                else:
                    continue
                wrong += [f"{where}: {text}: {problem}" for problem in self.problems(name, rest)]
        self.none(wrong, "what docs call")

    @staticmethod
    def problems(name, text):
        rest = re.sub(r"--state[ =]\S+", "", text.split(">")[0].split("|tail")[0]).split()
        command = (name,)
        while rest and subcommands(*command):
            words = rest[0].split("|")
            if not re.fullmatch(r"[a-z|-]+", rest[0]) or rest[0].startswith("-"):
                break
            unknown = [word for word in words if word not in subcommands(*command)]
            if unknown:
                return [f"`{' '.join(command)}` has no `{word}`" for word in unknown]
            if len(words) > 1:
                break
            command, rest = (*command, words[0]), rest[1:]
        known = set().union(*(all_flags().get(command[:i], set()) for i in range(1, len(command) + 1)), EVERYWHERE)
        if subcommands(*command):
            known |= set().union(*(f for c, f in all_flags().items() if c[:len(command)] == command))
        return [f"`{' '.join(command)}` has no {flag}" for flag in FLAG.findall(" ".join(rest)) if flag not in known]

    def test_each_flag_that_is_named_is_one(self):
        """Of any program's; a tool's where the tool is named with it."""
        ours = set().union(*all_flags().values(), EVERYWHERE)
        wrong = []
        for document in NAMES:
            for span in spans(document):
                tools = re.findall(r"(?:tools|bench)/[\w-]+", span.text)
                texts = "".join((ROOT / tool).read_text() for tool in tools if (ROOT / tool).is_file())
                for flag in FLAG.findall(span.text):
                    if flag in ours or flag in FOREIGN_FLAGS.get(document, ()) or flag in texts:
                        continue
                    if any(flag in (ROOT / t).read_text() for t in self.tools_beside(document, span.line)):
                        continue
                    wrong.append(f"{span}: no program has {flag}")
        self.none(wrong, "flags")

    @staticmethod
    def tools_beside(document, line):
        text = documents.text_of(document).splitlines()
        near = " ".join(text[max(0, line - 3):line + 1])
        return [tool for tool in re.findall(r"(?:tools|bench)/[\w-]+", near) if (ROOT / tool).is_file()]


class Settings(Names):
    def rows(self):
        for first in ("flag", "only a flag"):
            for row in table(*SETTINGS, first):
                for flag in FLAG.findall(row.cells[0]):
                    yield flag, row

    def test_each_has_a_row_and_each_row_is_one(self):
        told, real = {flag for flag, _ in self.rows()}, flags("anchord")
        self.none([f"{SETTINGS[0]}: no row for {flag}" for flag in sorted(real - told)] +
                  [f"{row}: anchord has no {flag}" for flag, row in self.rows() if flag not in real], "flags of anchord")

    def test_each_row_is_as_the_program_has_it(self):
        """Its default, what it takes, how a change comes into force and what it is."""
        program("settings-reference")  # else there is nothing to compare with
        result = run(ROOT / "tools/settings-docs", BUILD, "--check")
        self.assertEqual((result.returncode, result.stderr), (0, b""))

    def test_the_example_has_each_and_no_other(self):
        """And --explain: the command line's own flags are no settings."""
        example = run(program("anchord"), "--example-config").stdout.decode()
        shown = {f"--{name}" for name in re.findall(r"^# ?([a-z-]+) = ", example, re.M)}
        told = {row.spans(0)[0].split(" ")[0] for row in table(*SETTINGS, "flag") if row.spans(0)}
        self.assertEqual(shown, told)
        explained = json.loads(run(program("anchord"), "--explain", "--json", "--state", "/nonexistent").stdout)["settings"]
        self.assertEqual({s["flag"] for s in explained}, told | {"--config"})

    def test_what_serves_nothing_is_in_the_commands(self):
        """What can stand on the command line only."""
        only = {flag for row in table(*SETTINGS, "only a flag") for flag in FLAG.findall(row.cells[0])}
        told = {flag for row in table("docs/commands.md", "anchord", "flag") for flag in FLAG.findall(row.cells[0] + row.cells[1])}
        self.assertEqual(told, only)

    def test_each_flag_that_the_service_names_is_one(self):
        """In errors, warnings and lines of the log."""
        known = flags("anchord") | set().union(*(f for c, f in all_flags().items() if c[0] == "anchorctl")) | EVERYWHERE
        known |= {"--system"}  # of useradd
        wrong = [f"{path.relative_to(ROOT)}: no program has {flag}" for folder in ("control", "service", "io", "apps/anchord")
                 for path in sorted((ROOT / "src" / folder).rglob("*.cc"))
                 for literal in re.findall(r'"(?:[^"\\\n]|\\.)*"', re.sub(r"//.*", "", path.read_text()))
                 for flag in FLAG.findall(literal) if flag not in known]
        self.none(wrong, "flags in texts")

    def test_defaults(self):
        """As the program says them, where docs give a number or a word."""
        result = run(program("anchord"), "--explain", "--json", "--state", "/nonexistent")
        said = {s["flag"]: s["value"] for s in json.loads(result.stdout)["settings"]}
        wrong = []
        for row in table(*SETTINGS, "flag"):
            default = row.cells[1].replace(" ", "")
            flag = (FLAG.findall(row.cells[0]) or [""])[0]
            if re.fullmatch(r"\d[\d.]*|auto|info|text", default) and said.get(flag) != default:
                wrong.append(f"{row}: the default of {flag} is {said.get(flag)}, not {default}")
        self.none(wrong, "defaults")

    def test_mesons_options(self):
        real = set(re.findall(r"^option\('(\w+)'", (ROOT / "meson_options.txt").read_text(), re.M))
        rows = table("docs/guides/install.md", "Options of the build", "option of Meson")
        told = {name for row in rows for name in re.findall(r"`-D(\w+)", row.cells[0])}
        self.assertEqual(told, real, "docs/guides/install.md: options of Meson")


class Places(Names):
    """Files and links: tools/tidy."""

    def test_functions_and_constants_exist(self):
        code = sources()
        wrong = [span for document in NAMES for span in spans(document)
                 for name in re.findall(r"(?:^|::|\b)(\w+)\(\)$|^(k[A-Z]\w+)$", span.text)
                 if not re.search(rf"\b{name[0] or name[1]}\b", code)]
        self.none(wrong, "names that no source has")


@functools.cache
def sources():
    files = [path for folder in ("src", "include", "tests", "tools", "bench") for path in sorted((ROOT / folder).rglob("*"))
             if path.suffix in (".cc", ".h", ".py") and not path.name.startswith("test_docs")]
    return "\n".join(path.read_text() for path in files)


@functools.cache
def literals():
    """What the programs may print: each literal, with \\0 where a value is put in."""
    found = []
    for folder in ("src", "include"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix not in (".cc", ".h"):
                continue
            code = re.sub(r"^\s*//.*$|^#include.*$", "", path.read_text(), flags=re.M)
            for literal in re.findall(r'"(?:[^"\\\n]|\\.)*"(?:\s*"(?:[^"\\\n]|\\.)*")*', code):
                text = "".join(re.findall(r'"((?:[^"\\\n]|\\.)*)"', literal)).replace('\\"', '"').replace("\\n", "\n")
                found.append(re.sub(r"\{[^{}]*\}", "\0", text))
    return found + [os.strerror(number) for number in errno.errorcode]


# What stands in docs for a value: …, N, NAME, 'provisioning/…', and the words of a reason.
VALUE = re.compile(r"…|\.\.\.|\b[A-Z]\b|\b(?!TLS|TVS|TFTP|HTTP|HTTPS|UDP|ITL|CTL|EXPIRED|NOT|YET|VALID|CAP)[A-Z]{2,}\b"
                   r"|\breason\b|\bwhy\b|\bpid \d+|\d+(?:\.\d+)*")


def fragments(text):
    """The words of a line that docs quote which must stand in the sources as they are."""
    for part in VALUE.split(text):
        part = part.strip(" '(),;:`")
        if re.search(r"[a-z]{3}", part):
            yield part


def is_one_text(text):
    return any(text.rstrip(":;,'") in literal for literal in literals())


@functools.cache
def is_printed(fragment):
    """Whether it is in a literal, or made of some: what is behind a colon or semicolon may be one of its own, and a word may be put in, as
    in "{}: malformed request"."""
    return is_one_text(fragment.strip("'")) or all(map(is_with_one_word, re.split(r"[:;] |(?<=:)$", fragment)))


def is_with_one_word(text):
    """A word of it is a value, where the sources have one."""
    words = text.strip("'").split(" ")
    return is_one_text(text) or len(words) > 2 and any(
        is_before_value(" ".join(words[:i])) and is_behind_value(" ".join(words[i + 1:])) for i in range(len(words)))


def is_before_value(text):
    return not text or any(re.search(rf"{re.escape(text)}[ ':(]*(\0|$)", literal) for literal in literals())


def is_behind_value(text):
    return not text or any(re.search(rf"(\0|^)[ ':)]*{re.escape(text)}", literal) for literal in literals())


@functools.cache
def logged():
    """Each line that the sources log as it stands there, with \0 for values, and where."""
    found = []
    for path in sorted((ROOT / "src").rglob("*.cc")):
        code = path.read_text()
        for call in re.finditer(r"log::(?:warn|error|info)\(\s*(?:log::Peers::\w+,\s*)?", code):
            statement = re.match(r'(?:"(?:[^"\\\n]|\\.)*"|[^";])*', code[call.end():]).group()
            parts = re.findall(r'"((?:[^"\\\n]|\\.)*)"(\s*\+)?', re.split(r",\n? *[a-z]", statement)[0])
            if not parts:
                continue
            first = "" if re.match(r'\s*(?:fmt::format\(\s*)?"', statement) else "\0"
            text = first + "".join(part + ("\0" if plus else "") for part, plus in parts)
            line = code.count("\n", 0, call.start()) + 1
            found.append((re.sub(r"\{[^{}]*\}", "\0", text), f"{path.relative_to(ROOT)}:{line}"))
    return found


class Text(Names):
    def check(self, document, heading, first_cell):
        wrong = []
        for row in table(document, heading, first_cell):
            for span in row.spans():
                wrong += [f"{row}: `{span}`: no program says '{part}'" for part in fragments(span)
                          if not is_printed(part)]
        self.none(wrong, f"{document}, '{heading}'")

    def test_lines_of_the_log(self):
        self.check(*LOG)

    def test_each_line_of_the_log_has_a_row(self):
        rows = [span for row in table(*LOG) for span in row.spans()]
        fits = [re.compile(".*".join(map(re.escape, VALUE.split(span)))) for span in rows]
        wrong = []
        for text, where in logged():
            # What begins with a value may be told with words that stand for it.
            constant = next((part.strip(" ';,:(") for part in text.split("\0") if len(part.split()) > 1), "")
            if any(fit.fullmatch(text) for fit in fits) or not constant:
                continue
            if text[0] in "\0'" and any(constant in span for span in rows):
                continue
            wrong.append(f"{LOG[0]}: no row for '{text}' ({where})".replace("\0", "…"))
        self.none(wrong, "lines of the log")

    def test_sentences_in_backquotes(self):
        """Those that programs say, wherever they are quoted."""
        wrong = []
        for document in NAMES:
            for span in spans(document):
                words = span.text.split()
                if len(words) < 3 or words[0] in OTHERS or " --" in span.text or re.match(r"(anchor\w+|\W|tools/|bench/)", span.text):
                    continue
                if words[0] in subcommands("anchorctl") or "(" in words[0] or words[1] == "=":
                    continue
                wrong += [f"{span}: no program says '{part}'" for part in fragments(span.text) if not is_printed(part)]
        self.none(wrong, "sentences")

    def test_errors(self):
        for rows in ERRORS:
            self.check(*rows)

    def test_warnings(self):
        for rows in WARNINGS:
            self.check(*rows)


class Counters(Case):
    """test_docs_metrics.py asks the same of the table of metrics that both are made from."""

    def test_each_has_a_row_and_each_row_is_one(self):
        with Service(self.state) as service:
            real = set(service.counters())
            shown = run(program("anchorctl"), "--state", self.state, "status", "--all").stdout.decode()
        told = {}
        for row in table("docs/reference/metrics.md", "All counters", "counter"):
            told |= {name: row for name in row.spans()}
        wrong = [f"docs/reference/metrics.md: no row for `{name}`" for name in sorted(real - set(told))]
        wrong += [f"'anchorctl status' does not show {name}" for name in sorted(real) if f"counters.{name} " not in shown]
        wrong += [f"{row}: there is no counter `{name}`" for name, row in told.items() if name not in real]
        for document in NAMES:
            wrong += [f"{s}: there is no counter of that name" for s in spans(document)
                      if re.fullmatch(r"(tvs|tftp|https?|tcp)_\w+", s.text) and s.text not in real | NO_COUNTERS]
        self.assertFalse(wrong, "counters:\n" + joined(wrong))


# A field of `backup create`, one of `report features`, a function of the kernel's.
NO_COUNTERS = {"tftp_sha256", "https_provisioning", "tcp_sendmsg"}
