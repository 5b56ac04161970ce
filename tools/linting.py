"""What tools/lint looks at."""

import concurrent.futures
import hashlib
import os
import posixpath
import subprocess
import sys

import selection
import tidying

ROOT = tidying.ROOT
BUILD = "build/lint"  # nothing of it is compiled
SEEN = ROOT / "build/tidy"
CLANG_TIDY = "clang-tidy-19"
MOST_CHANGED = 16


class Sources:
    """The sources below src/, and which headers of ours each includes, directly or not."""

    def __init__(self, tree):
        self.tree = tree
        self.files = tree.select(".cc", under="src/")
        self.direct = {}
        for path, _, _, headers in tidying.includes(tree):
            self.direct.setdefault(path, set()).update(headers)

    def headers(self, path):
        found, open_ = set(), [path]
        while open_:
            new = self.direct.get(open_.pop(), set()) - found
            found |= new
            open_ += new
        return found

    def fingerprint(self, path, also):
        """Of all that clang-tidy's answer depends on, as far as it is ours."""
        parts = [also, *(self.tree.text(file) for file in (path, *sorted(self.headers(path))))]
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]

    def looked_at_in(self, changed):
        """The source files in which changed ones are seen: themselves, or for a header that of its name, or else the first that
        includes it. In the order of `changed`."""
        found = []
        for path in changed:
            if path in self.files:
                found.append(path)
            elif path.endswith(".h"):
                users = [source for source in self.files if path in self.headers(source)]
                stem = posixpath.basename(path)[:-2]
                found += [source for source in users if posixpath.basename(source) == f"{stem}.cc"][:1] or users[:1]
        return list(dict.fromkeys(found))


def look(path):
    done = subprocess.run([CLANG_TIDY, "-p", BUILD, "--quiet", path], cwd=ROOT, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, check=False)
    return done.returncode, done.stdout or (done.stderr if done.returncode else "")


def look_at(todo):
    """Of pairs of a file and its stamp; which are not in order."""
    bad = []
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for (path, stamp), (code, said) in zip(todo, pool.map(look, (path for path, _ in todo))):
            if code == 0:
                stamp.touch()
            else:
                bad.append(path)
                print(said, end="", flush=True)
    return bad


def main(usage, args):
    if args not in ([], ["--changed"]):
        print(usage, file=sys.stderr)
        return 2
    if not (ROOT / BUILD / "build.ninja").exists():
        subprocess.run(["meson", "setup", BUILD, "--buildtype=plain", "-Db_pch=false", "-Djemalloc=false"], cwd=ROOT, check=True,
                       stdout=subprocess.DEVNULL, env={**os.environ, "CC": "clang-19", "CXX": "clang++-19"})
    sources = Sources(tidying.Tree())
    files = sources.looked_at_in(selection.changed_files()) if args else sources.files
    left = files[MOST_CHANGED:] if args else []
    version = subprocess.run([CLANG_TIDY, "--version"], check=True, capture_output=True, text=True).stdout
    also = version + (ROOT / ".clang-tidy").read_text() + (ROOT / "meson.build").read_text()
    SEEN.mkdir(parents=True, exist_ok=True)
    stamps = {path: SEEN / sources.fingerprint(path, also) for path in files if path not in left}
    todo = [(path, stamp) for path, stamp in stamps.items() if not stamp.exists()]
    print(f"lint: {len(todo)} of {len(files)} files to look at" + (f"; {len(left)} are for tools/lint alone" if left else ""), flush=True)
    bad = look_at(todo)
    print(*(f"lint: {path}: not in order" for path in bad), sep="\n", end="\n" if bad else "")
    return 1 if bad else 0
