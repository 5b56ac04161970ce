"""README.md, its neighbours and docs/ as data: their fenced blocks, their tables and what they put in backquotes.

A fenced block says what it is:

console   a session: lines that begin with "$ " (and go on after a backslash) are run, the others are their output
sh        commands whose output is of no interest; each must end well
toml      a configuration file of anchord's
text      nothing that could be run: bytes, drawings, files of other programs
"""

import dataclasses
import functools
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
NAMES = ("README.md", "CONTRIBUTING.md", "SECURITY.md",
         *sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs").rglob("*.md")))
LANGUAGES = ("console", "sh", "toml", "text")


@dataclasses.dataclass(frozen=True)
class Block:
    document: str
    line: int  # of its first line
    section: str  # the heading above it, of the second or third level
    language: str
    lines: tuple

    def __str__(self):
        return f"{self.document}:{self.line}"

    def commands(self):
        """Pairs of a command and the lines of its output."""
        found = []
        lines = iter(self.lines)
        for line in lines:
            if self.language == "sh" or line.startswith("$ "):
                command = line.removeprefix("$ ")
                while command.endswith("\\"):
                    command = command[:-1].rstrip() + " " + next(lines).strip()
                found.append((command, []))
            elif found:
                found[-1][1].append(line)
            else:
                raise AssertionError(f"{self}: output before the first command")
        return found


@dataclasses.dataclass(frozen=True)
class Span:
    """What stands in backquotes."""

    document: str
    line: int
    text: str

    def __str__(self):
        return f"{self.document}:{self.line}: `{self.text}`"


@dataclasses.dataclass(frozen=True)
class Row:
    document: str
    line: int
    cells: tuple

    def __str__(self):
        return f"{self.document}:{self.line}"

    def spans(self, cell=0):
        return spans_of(self.cells[cell])


def text_of(document):
    return (ROOT / document).read_text()


def spans_of(text):
    return [span.replace("\\|", "|") for span in re.findall(r"(?<!`)`([^`\n]+)`(?!`)", text)]


def split_row(line):
    return tuple(cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip().strip("|")))


def walk(document):
    """Each line with its number, the section's heading, and the language of the block that it is in; None: in none."""
    section, language = "", None
    for number, line in enumerate(text_of(document).splitlines(), 1):
        if line.startswith("```"):
            language = line[3:].strip() if language is None else None
            yield number, line, section, "fence"
            continue
        if language is None and line.startswith(("## ", "### ")):
            section = line.lstrip("#").strip()
        yield number, line, section, language


@functools.cache
def blocks(document):
    found, lines, first, tag = [], None, 0, ""
    for number, line, section, language in walk(document):
        if language == "fence":
            if lines is None:
                lines, first, tag = [], number + 1, line[3:].strip()
            else:
                found.append(Block(document, first, section, tag, tuple(lines)))
                lines = None
        elif lines is not None:
            lines.append(line)
    return found


@functools.cache
def spans(document):
    return [Span(document, number, text) for number, line, _, language in walk(document) if language is None
            for text in spans_of(line)]


def table(document, heading, first_cell):
    """The rows of the table in a section whose head begins with a cell."""
    rows, inside = [], False
    for number, line, section, language in walk(document):
        if language is not None or section != heading or not line.startswith("|"):
            inside = False
        elif not inside and split_row(line)[0] == first_cell:
            inside = True
        elif inside and not set(line) <= set("|-: "):
            rows.append(Row(document, number, split_row(line)))
    if not rows:
        raise AssertionError(f"{document}: there is no table in '{heading}' that begins with '{first_cell}'")
    return rows
