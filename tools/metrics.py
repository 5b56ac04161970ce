#!/usr/bin/env python3
"""Writes the tables in docs/reference/metrics.md: the counters as include/anchord/service/metrics.def has them, and what
the admin endpoint tells besides, as src/control/admin/service_metrics.def has it.

    tools/metrics.py
"""

import ast
import dataclasses
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parent.parent
TABLE = ROOT / "include/anchord/service/metrics.def"
SERVICE_TABLE = ROOT / "src/control/admin/service_metrics.def"
DOCUMENT = ROOT / "docs/reference/metrics.md"
BEGIN = "<!-- From here on made by tools/metrics.py. -->"
END = "<!-- Up to here made by tools/metrics.py. -->"
LATENCY_BEGIN = "<!-- From here on made by tools/metrics.py, of the table of latencies. -->"
SERVICE_BEGIN = "<!-- From here on made by tools/metrics.py, of the service's table. -->"

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


@dataclasses.dataclass(frozen=True)
class ServiceMetric:
    """A row of the service's table; see there."""

    name: str
    type: str
    unit: str
    help: str
    advice: str

    @property
    def full_name(self):
        """As the admin endpoint has it."""
        return full_name(self.name, self.type)


def full_name(name, kind):
    prefix = "" if name.startswith("process_") else "anchord_"
    return f"{prefix}{name}{'_total' if kind == 'counter' else ''}"


def sentence(text):
    return f"{text[0].upper()}{text[1:]}."


def service_metrics():
    """All of the service's table, in its order."""
    text = re.sub(r"\s*\\\n\s*", " ", SERVICE_TABLE.read_text())
    found = re.findall(rf"X\((\w+), (\w+), (\w+), ({STRINGS}), ({STRINGS}), ", text)
    if len(found) != len(re.findall(r"\bX\(\w+, ", text)):
        raise ValueError(f"{SERVICE_TABLE}: not every row has a name, type, unit, help and advice")
    return [ServiceMetric(name, kind, unit, ast.literal_eval(f"({told})"), ast.literal_eval(f"({advice})"))
            for name, kind, unit, told, advice in found]


@dataclasses.dataclass(frozen=True)
class Latency:
    """A row of the table of latencies; see there."""

    name: str
    protocol: str
    help: str
    advice: str


def latencies():
    """All of them, in their order."""
    text = re.sub(r"\s*\\\n\s*", " ", TABLE.read_text())
    (found,) = re.findall(r"^#define ANCHORD_LATENCIES\(X\) (.*)$", text, re.M)
    return [Latency(*row) for row in rows(found)]


def latency_table():
    """The lines of their table in docs."""
    yield "| histogram | protocols | what takes so long | when it grows |"
    yield "|---|---|---|---|"
    found = latencies()
    for name in dict.fromkeys(one.name for one in found):
        same = [one for one in found if one.name == name]
        protocols = ", ".join(f"`{one.protocol}`" for one in same)
        yield f"| `anchord_{name}_seconds` | {protocols} | {same[0].help} | {same[0].advice} |".replace("|  |", "| |")


def in_prometheus():
    """What the admin endpoint has: the name, type and help of each."""
    families = {metric.family: metric for metric in metrics()}
    for family, metric in families.items():
        yield full_name(family, metric.type), metric.type, sentence(metric.help)
    for one in latencies():
        yield f"anchord_{one.name}_seconds", "histogram", sentence(one.help)
    for metric in service_metrics():
        yield metric.full_name, metric.type, sentence(metric.help)


def service_table():
    """The lines of its table in docs."""
    yield "| metric | kind | what it says | what to do |"
    yield "|---|---|---|---|"
    for metric in service_metrics():
        kind = metric.type if metric.unit == "count" else f"{metric.type} of {metric.unit}"
        yield f"| `{metric.full_name}` | {kind} | {metric.help} | {metric.advice} |".replace("|  |", "| |")


def replaced(text, begin, lines):
    before, rest = text.split(begin)
    after = rest[rest.index(END) + len(END):]
    return "\n".join([before + begin, "", *lines, "", END]) + after


def made(text, found):
    """The document with the tables as they are to be."""
    text = replaced(text, BEGIN, table(found))
    return replaced(replaced(text, LATENCY_BEGIN, latency_table()), SERVICE_BEGIN, service_table())


if __name__ == "__main__":
    DOCUMENT.write_text(made(DOCUMENT.read_text(), metrics()))
