#!/usr/bin/env python3
"""Writes the table of counters in docs/reference/metrics.md, as include/anchord/service/metrics.def has them.

    tools/metrics.py
"""

import ast
import dataclasses
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parent.parent
TABLE = ROOT / "include/anchord/service/metrics.def"
DOCUMENT = ROOT / "docs/reference/metrics.md"
BEGIN = "<!-- From here on made by tools/metrics.py. -->"
END = "<!-- Up to here made by tools/metrics.py. -->"

STRINGS = r'"(?:[^"\\]|\\.)*"(?:\s+"(?:[^"\\]|\\.)*")*'
ROW = re.compile(rf"X\(((?:\w+, )+)({STRINGS}), ({STRINGS})\)")


@dataclasses.dataclass(frozen=True)
class Metric:
    """A row of the table, of one service; see there."""

    name: str
    family: str
    protocol: str
    type: str
    unit: str
    help: str
    advice: str


def lists(text):
    """The lists of metrics that the table defines: by their names, what they are expanded to."""
    text = re.sub(r"\s*\\\n\s*", " ", text)
    return dict(re.findall(r"^#define ANCHORD_(?:(\w+)_)?METRICS\([^)]*\) (.*)$", text, re.M))


def rows(text):
    """The cells of each row of a list. What is no row is a mistake in it."""
    if left := ROW.sub("", text).strip():
        raise ValueError(f"not a row of metrics: {left}")
    for words, told, advice in ROW.findall(text):
        yield *words.split(", ")[:-1], ast.literal_eval(f"({told})"), ast.literal_eval(f"({advice})")


def metrics(text=None):
    """All of the table (or of another of its form), in its order."""
    known = lists(TABLE.read_text() if text is None else text)
    found = []
    for name, protocol in re.findall(r"ANCHORD_(\w+)_METRICS\(\w+(?:, (\w+))?\)", known[""]):
        for row in rows(known[name]):
            if protocol:
                _, own, *cells = row
                found.append(Metric(f"{protocol}_{own}", f"{name.lower()}_{own}", protocol, *cells))
            else:
                found.append(Metric(row[0], row[0], "", *row[1:]))
    return found


def table(found):
    """The lines of the table in docs: a row for each family."""
    families = {}
    for metric in found:
        families.setdefault(metric.family, []).append(metric)
    yield "| counter | kind | what it counts | when it grows |"
    yield "|---|---|---|---|"
    for family in families.values():
        names = ", ".join(f"`{metric.name}`" for metric in family)
        first = family[0]
        kind = first.type if first.unit == "count" else f"{first.type} of {first.unit}"
        yield f"| {names} | {kind} | {first.help} | {first.advice} |".replace("|  |", "| |")


def made(text, found):
    """The document with the table as it is to be."""
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    return "\n".join([before + BEGIN, "", *table(found), "", END]) + after


if __name__ == "__main__":
    DOCUMENT.write_text(made(DOCUMENT.read_text(), metrics()))
