"""What the comparisons (tools/compare-*) share: servers that are started and ended, CPU time, rounds, options.

Only for processes of this machine, on loopback."""

import argparse
import importlib.machinery
import importlib.util
import json
import os
import pathlib
import platform
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
CORES = sorted(os.sched_getaffinity(0))  # the first is the server's, the last the client's


def fail(text):
    raise SystemExit(f"{pathlib.Path(sys.argv[0]).name}: {text}")


def words(command):
    return [str(word) for word in command]


def on_cores(cores):
    return lambda: os.sched_setaffinity(0, cores)


def run(*command, **how):
    """What it prints; the end of the comparison when it fails."""
    try:
        return subprocess.run(words(command), check=True, capture_output=True, text=True, **how).stdout
    except subprocess.CalledProcessError as error:
        fail(f"{command[0]}: {(error.stderr or error.stdout).strip()}")
    except OSError as error:
        fail(f"{command[0]}: {error.strerror}; a build for this needs -Dbenchmarks=true")


def need(program, package):
    """Where a program of Debian's is, which is not installed behind anybody's back."""
    path = shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    return path or fail(f"{program} is missing: apt-get install {package}")


def on_client_core(*command):
    """What a load generator prints, running on the client's core."""
    return run(*command, preexec_fn=on_cores({CORES[-1]}))


def cpu_seconds(pid):
    """User and system time of a process and of its children that live, from their own accounting.

    Linux numbers the clock of a process so; /proc has the same in hundredths of a second only."""
    children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return sum(time.clock_gettime(~each << 3 | 2) for each in (pid, *map(int, children)))


class Server:
    """A server that is running; ended by its process id.

    `ready` makes its address of the first line that it prints; without it, it has half a second."""

    def __init__(self, name, command, address=None, ready=None, forks=False, cores=None):
        self.name, self.address, self.forks = name, address, forks
        self.process = subprocess.Popen(words(command), stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE if ready else subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL, text=True, preexec_fn=on_cores(cores or {CORES[0]}))
        if ready:
            line = self.process.stdout.readline()
            if line:
                self.address = ready(line)
        else:
            time.sleep(0.5)
        if self.address is None or self.process.poll() is not None:
            self.end()
            fail(f"{name} did not start: {' '.join(words(command))}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def flags(self):
        """For a load generator."""
        return ["--host", self.address[0], "--port", self.address[1]]


def anchord_address(service):
    """Of one service ("tvs", "tftp", "http"), in the line that anchord prints when it is ready."""
    return lambda line: ("127.0.0.1", int(line.split(f"{service}=")[1].split(",")[0].split()[0].rsplit(":", 1)[1]))


def script(name):
    """The module that one of the comparisons (tools/compare-*) is."""
    loader = importlib.machinery.SourceFileLoader(name.replace("-", "_"), str(ROOT / "tools" / name))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
    loader.exec_module(module)
    return module


def in_turns(starts, rounds, measure):
    """For each server, in order: its name, and what `measure` said of it in each round."""
    reports = {}
    for _ in range(rounds):
        for start in starts:
            with start() as server:
                reports.setdefault(server.name, []).append(measure(server))
    return reports


def medians(reports):
    """Of each figure of several reports that have it; None when none has it."""
    values = {field: [r[field] for r in reports if r[field] is not None] for field in reports[0]}
    return {field: statistics.median(known) if known else None for field, known in values.items()}


def paired(over, under):
    """The median of the ratios of figures from the same rounds: what a neighbour of the machine does to both cancels
    out."""
    return statistics.median(a / b for a, b in zip(over, under, strict=True))


def quietest(over, under):
    """The ratio of the smallest: what it is without neighbours, who make every figure larger."""
    return min(over) / min(under)


def machine():
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "")
    return f"{os.cpu_count()} cores, {model}, Linux {platform.release().split('-')[0]}"


def build():
    folder = ROOT / "build/release"
    if not (folder / "build.ninja").is_file():
        run("meson", "setup", folder, ROOT, "-Dtests=false", "--buildtype=release")
    run("meson", "configure", folder, "-Dbenchmarks=true")
    run("meson", "compile", "-C", folder)
    return folder


class Comparison:
    """One run: its options, its build, a folder that is gone at the end, and the lines or the JSON that it prints."""

    def __init__(self, options, folder):
        self.options, self.folder = options, pathlib.Path(folder)
        self.folder.chmod(0o755)  # servers that give up their privileges read files in it
        self.build = options.build.resolve() if options.build else build()
        self.document = {"machine": machine(), "versions": {}, "seconds": options.seconds, "rounds": options.rounds}

    def app(self, name):
        return self.build / "src/apps" / name / name

    def make_cluster(self, state, *flags):
        run(self.app("anchorctl"), "--state", state, "init", "--name", "bench", "--host", "one=127.0.0.1", *flags)

    def start_anchord(self, state, service, *flags, name="anchord", cores=None):
        """With all services but HTTPS on free ports; the server's address is that of one ("tvs", "tftp", "http")."""
        return Server(name, [self.app("anchord"), "--state", state, "--listen", "127.0.0.1", "--tvs-port", "auto",
                             "--tftp-port", "auto", "--http-port", "auto", "--https-port", 0, "--log-level", "warn",
                             *flags], ready=anchord_address(service), cores=cores)

    def head(self, versions):
        self.document["versions"] = {"anchord": run(self.app("anchord"), "--version").split()[-1], **versions}
        self.say(f"machine: {machine()}")
        self.say("versions: " + ", ".join(f"{name} {version}" for name, version in self.document["versions"].items()))
        self.say(f"each figure: the median of {self.options.rounds} rounds of {self.options.seconds:g} s")

    def say(self, line=""):
        """For people; beside a JSON document it goes to standard error."""
        print(line, file=sys.stderr if self.options.json else sys.stdout, flush=True)


def main(document, comparison_class, add_options=lambda parser: None):
    """Understands the options, and runs the comparison of this class: its compare() fills `document`."""
    parser = argparse.ArgumentParser(description=document.split("\n\n")[0])
    parser.add_argument("--seconds", type=float, default=2, help="of each measurement (2)")
    parser.add_argument("--rounds", type=int, default=3, help="of which the median counts (3)")
    parser.add_argument("--build", type=pathlib.Path, help="a finished build (default: builds build/release)")
    parser.add_argument("--json", action="store_true", help="print one JSON document; the tables go to standard error")
    add_options(parser)
    options = parser.parse_args()
    if options.seconds <= 0 or options.rounds < 1:
        parser.error("--seconds and --rounds must be more than 0")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that servers are ended
    with tempfile.TemporaryDirectory(prefix=parser.prog + "-") as folder:
        comparison = comparison_class(options, folder)
        comparison.compare()
        if options.json:
            print(json.dumps(comparison.document, indent=2))
