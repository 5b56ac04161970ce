"""What tools/fuzz does: builds fuzzers, runs them side by side, merges what covers more into their corpora."""

import argparse
import concurrent.futures
import dataclasses
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
SOURCES = ROOT / "tests/fuzz"
OPTIONS = ("--buildtype=plain", "-Doptimization=1", "-Dcpp_args=-gline-tables-only", "--unity=on", "--unity-size=1000",
           "-Dfuzzers=true", "-Db_sanitize=address,undefined", "-Db_lundef=false", "-Djemalloc=false")
SANITIZERS = {"ASAN_OPTIONS": "detect_stack_use_after_return=1:strict_string_checks=1",
              "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1"}
COVERED = re.compile(r"\bcov: (\d+)")
RUNS = re.compile(r"stat::number_of_executed_units:\s+(\d+)")


@dataclasses.dataclass
class Result:
    name: str
    runs: int        # inputs tried
    before: int      # edges of the code that the corpus covers
    after: int       # ... and with what was found
    added: int       # inputs that the corpus gained
    crashes: list    # files
    log: pathlib.Path
    failed: bool = False  # it ended with an error


def names():
    return sorted(file.stem.removeprefix("fuzz_") for file in SOURCES.glob("fuzz_*.cc"))


def build(folder, chosen):
    """The fuzzers' programs, by name."""
    clang = {**os.environ, "CC": "clang-19", "CXX": "clang++-19"}
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "compile.log"
    with log.open("w") as out:
        if not (folder / "build.ninja").exists():
            subprocess.run(["meson", "setup", folder, *OPTIONS], cwd=ROOT, env=clang, stdout=out, stderr=out, check=True)
        targets = [f"tests/fuzz/fuzz-{name}" for name in chosen]
        subprocess.run(["ninja", "-C", folder, *targets], stdout=out, stderr=out, check=True)
    return {name: folder / target for name, target in zip(chosen, targets)}


def run(program, *arguments):
    done = subprocess.run([str(a) for a in (program, *arguments)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, env={**os.environ, **SANITIZERS})
    return done.returncode, done.stdout.decode(errors="replace")


def covered(program, *folders):
    """How many edges these inputs cover."""
    code, said = run(program, "-runs=0", *folders)
    numbers = COVERED.findall(said)
    return int(numbers[-1]) if code == 0 and numbers else 0


def fuzz(name, program, corpus, folder, seconds, dry=False):
    """Lets one run. What it found before, in folder/found, it goes on with."""
    found, crashes, log = folder / "found" / name, folder / "crashes" / name, folder / "logs" / f"{name}.log"
    for made in (found, crashes, log.parent):
        made.mkdir(parents=True, exist_ok=True)
    old = set(crashes.iterdir())
    before = covered(program, corpus)
    code, said = run(program, f"-max_total_time={max(1, round(seconds))}", "-print_final_stats=1", "-timeout=20",
                     f"-artifact_prefix={crashes}/", found, corpus)
    log.write_text(said)
    after = covered(program, corpus, found)
    held = len(list(corpus.iterdir()))
    # Only what reaches new code: how often something runs makes no input worth keeping.
    if code == 0 and after > before and not dry:
        merged, said = run(program, "-set_cover_merge=1", "-use_counters=0", corpus, found)
        log.write_text(log.read_text() + said)
        code = code or merged
    runs = RUNS.search(log.read_text())
    return Result(name=name, runs=int(runs[1]) if runs else 0, before=before, after=after,
                  added=len(list(corpus.iterdir())) - held, crashes=sorted(set(crashes.iterdir()) - old), log=log,
                  failed=code != 0)


def table(results):
    lines = [f"{'FUZZER':<16} {'INPUTS TRIED':>12}  {'EDGES':>6}  {'FOUND':>6}  {'KEPT':>5}  CRASHES"]
    for r in results:
        lines.append(f"{r.name:<16} {r.runs:>12,}  {r.before:>6}  {r.after - r.before:>6}  {r.added:>5}  {len(r.crashes)}")
        lines += [f"  {file}" for file in r.crashes]
        if r.failed:
            lines.append(f"  it failed: see {r.log}")
    return "\n".join(lines)


def main(text):
    parser = argparse.ArgumentParser(prog="tools/fuzz", description=text,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build/fuzz")
    parser.add_argument("--dry", action="store_true")
    parser.add_argument("names", nargs="*", metavar="NAME")
    options = parser.parse_args()
    if unknown := set(options.names) - set(names()):
        parser.error(f"there is no fuzzer {', '.join(sorted(unknown))}; there are {', '.join(names())}")
    if options.minutes <= 0 or options.jobs < 1:
        parser.error("minutes and jobs are positive numbers")
    chosen = options.names or names()
    try:
        programs = build(options.build.absolute(), chosen)
    except subprocess.CalledProcessError:
        print((options.build / "compile.log").read_text()[-4000:], file=sys.stderr)
        return 2
    print(f"{len(chosen)} fuzzers, {options.minutes:g} minutes each, {options.jobs} at once", flush=True)
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        running = [pool.submit(fuzz, name, programs[name], SOURCES / "corpus" / name, options.build.absolute(),
                               60 * options.minutes, options.dry) for name in chosen]
        results = [one.result() for one in running]
    print(table(results))
    return 1 if any(r.failed or r.crashes for r in results) else 0
