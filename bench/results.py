"""What bench/run writes and bench/compare reads: one JSON file for each run.

    machine, versions, options    texts by name: where and of what the run was
    when, quick, repetitions      of the run
    results                       {name: {"times": [ns, ...], "counters": {name: [...]}}}

Times are nanoseconds of CPU for what the benchmark calls one operation, and there is one value for each
repetition, in counters too.
"""

import json
import statistics


def load(path):
    """The report in this file; ends the program when it is none."""
    try:
        with open(path, encoding="utf-8") as file:
            report = json.load(file)
        for field in ("machine", "versions", "options", "results"):
            report[field].items()
        for result in report["results"].values():
            for values in (result["times"], *result["counters"].values()):
                Measure(values)
        return report
    except OSError as error:
        raise SystemExit(f"{path}: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, AttributeError, statistics.StatisticsError):
        raise SystemExit(f"{path}: this is not what bench/run writes; give it a file made with --out") from None


# What differs by less is called the same, even when no repetition strays: bytes for each operation are a mean over
# however many fitted into the time.
LEAST_DIFFERENCE = 0.01


class Measure:
    """The repetitions of one figure: their median, and how far the farthest of them lies from it."""

    def __init__(self, values):
        self.median = statistics.median(values)
        self.spread = max(abs(v - self.median) for v in values)

    def differs_from(self, other):
        """Whether the two are further apart than their repetitions explain."""
        noise = max(self.spread + other.spread, LEAST_DIFFERENCE * abs(other.median))
        return abs(self.median - other.median) > noise


def scaled(value, steps):
    """Three digits, in the largest of these (size, unit) that leaves one in front of the point."""
    size, unit = next(((s, u) for s, u in steps if abs(value) >= s), steps[-1])
    value /= size
    digits = 0 if abs(value) >= 99.95 else 1 if abs(value) >= 9.995 else 2
    return f"{value:.{digits}f} {unit}".rstrip()


def time_text(nanoseconds):
    return scaled(nanoseconds, [(1e9, "s"), (1e6, "ms"), (1e3, "us"), (1, "ns")])


def counter_text(name, value):
    thousands = [(1e9, "G"), (1e6, "M"), (1e3, "k"), (1, "")]
    if name == "items_per_second":
        return f"{scaled(value, thousands)}/s"
    if name == "bytes_per_second":
        return f"{scaled(value, thousands)}B/s"
    return f"{name} {scaled(value, thousands)}"
