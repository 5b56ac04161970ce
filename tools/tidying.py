"""The checks of tools/tidy. Each takes a Tree and yields findings: "path:line: what is wrong: what to do"."""

import ast
import functools
import pathlib
import posixpath
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent

CODE = (".cc", ".h")
# clang-format breaks at 110; only what it cannot break, as a literal, can be longer.
COLUMNS = {".cc": 111, ".h": 111, ".py": 140}
PROSE_COLUMNS = 125  # of documents; editors go by .editorconfig, which says the same
FILE_LINES = 600
FUNCTION_LINES = 70

# What is longer, the most that it may have, and why. Each entry goes as soon as its file fits.
LONG_FILES = {
    "tests/control/provisioner_test.cc": (730, "one fixture with real folders"),
    "tests/sim/tftp_abuse_sim_test.cc": (650, "one fixture: floods and those who are honest among them"),
    "tests/store/lifecycle_test.cc": (640, "one fixture: each guarded change, done and refused"),
    "tests/e2e/test_anchorctl.py": (930, "each command of a cluster that is not served"),
    "tests/e2e/test_anchorctl_lifecycle.py": (720, "each guarded change by its command"),
    "tests/e2e/test_anchord.py": (665, "one service and each of its protocols"),
    "tests/e2e/test_anchorload.py": (680, "each protocol that makes load"),
    "tests/e2e/test_boot.py": (690, "one cluster, and whole boots"),
    "tests/e2e/test_provisioning.py": (720, "one folder, and what becomes of its files"),
}
LONG_FUNCTIONS = {
    ("src/apps/anchorctl/commands/table.cc", "all_commands"): (100, "a row for each command"),
    ("tests/protocol/message_test.cc", "full_status"): (92, "each field of the status once"),
}

# A module's folders from below to above: each includes from itself and from those before it. What is in none is above all.
FOLDERS = {
    "src/service": ("limits", "downloads", "context", "stream", "tvs", "http", "tftp"),
    "src/store": ("database", "replica", "tables", "ledger", "changes", "backup"),
    "src/control": ("machine", "provisioning", "snapshot", "ledger", "protocol", "admin", "process"),
    "src/apps/anchorctl": ("client", "render", "commands"),
}

# A pattern, the endings of the files where it is forbidden, and what to do instead.
FORBIDDEN = [
    (r"\b(TODO|FIXME|XXX|HACK)\b", (".cc", ".h", ".py", ".md", ".build"), "do it, or say in an issue what is to be done"),
    (r"\busing namespace std;", CODE, "name what is used"),
    (r"\bstd::endl\b", CODE, r"write '\n'; who wants a flush says so"),
    (r"\b(strcpy|strcat|sprintf|vsprintf|gets|alloca)\s*\(", CODE, "use what knows its bounds (base::Writer, fmt)"),
    (r"\bNOLINT\w*(?!\w|\()", CODE, "name the check in parentheses"),
    (r"^\s*#\s*if\s+0\b", CODE, "take out what is not compiled; git keeps it"),
    (r"\b(pkill|killall)\b", (".py", ""), "end what was started, by its process"),
    (r"except:\s*(#.*)?$", (".py",), "name what is expected to go wrong"),
]


class Tree:
    """The files of a source tree, by their paths below its root: those that git has or would take."""

    def __init__(self, root=ROOT, paths=None):
        self.root = root
        if paths is None:
            listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=root, check=True,
                                    capture_output=True, text=True).stdout
            paths = [path for path in listed.split("\0") if path and (root / path).is_file()]
        self.paths = sorted(paths)

    @functools.cache
    def text(self, path):
        return (self.root / path).read_text(errors="replace")

    def lines(self, path):
        return self.text(path).split("\n")

    @functools.cache
    def select(self, *endings, under=""):
        """Without those that are inputs of tests: they are as bad as they are meant to be."""
        inputs = ("tests/data/", "tests/fuzz/corpus/")
        return [path for path in self.paths
                if path.startswith(under) and not path.startswith(inputs) and pathlib.Path(path).suffix in endings]


def too_wide(tree):
    for ending, most in COLUMNS.items():
        for path in tree.select(ending):
            for number, line in enumerate(tree.lines(path), 1):
                if len(line) > most:
                    yield f"{path}:{number}: {len(line)} columns: {most} at the most; break the line"


def too_long_files(tree, known=None):
    known = LONG_FILES if known is None else known
    for path in tree.select(*CODE, ".py", "", ".build"):
        length = tree.text(path).count("\n")
        if path in known:
            yield from allowed(path, length, FILE_LINES, known[path], "LONG_FILES")
        elif length > FILE_LINES:
            yield f"{path}:{FILE_LINES}: {length} lines: {FILE_LINES} at the most; divide it by what its parts do"
    yield from (f"{path}: there is no such file: take it out of LONG_FILES (tools/tidying.py)"
                for path in known if path not in tree.paths)


def allowed(what, length, usual, exception, table):
    most, why = exception
    if length <= usual:
        yield f"{what}: it fits by now: take it out of {table} (tools/tidying.py)"
    elif length > most:
        yield f"{what}: {length} lines, and {most} were allowed ({why}): divide it"


NO_FUNCTION = (r"(?:namespace|class|struct|enum|union|extern|if|for|while|switch|else|do|return|using|case|default"
               r"|INSTANTIATE_TEST_SUITE_P)\b|#|//|}")


def cc_functions(lines):
    """(name, line, length) of each. How a line is indented says what it belongs to: clang-format sees to that."""
    begun = None  # a line that may be the first of a signature: its indent, the name in it and its number
    open_ = []
    for number, line in enumerate(lines, 1):
        indent = len(line) - len(line.lstrip(" "))
        if line[indent:indent + 1] == "}" and open_ and open_[-1][0] == indent:
            _, name, first = open_.pop()
            yield name, first, number - first + 1
        if indent <= 2 and line:
            named = re.match(rf" *(?!{NO_FUNCTION})[^=;]*?(~?\w+|operator\S+)\(", line)
            begun = (indent, named[1], number) if named else None
        if line.endswith("{") and begun:
            open_.append(begun)
        if line.endswith(("{", "}", ";")):
            begun = None


def python_functions(text):
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node.name, node.lineno, node.end_lineno - node.lineno + 1


def functions(tree):
    """(path, name, line, length) of each."""
    for path in tree.select(*CODE):
        for found in cc_functions(tree.lines(path)):
            yield path, *found
    for path in tree.select(".py", ""):
        if path.endswith(".py") or tree.text(path).startswith("#!/usr/bin/env python3"):
            for found in python_functions(tree.text(path)):
                yield path, *found


def too_long_functions(tree, known=None):
    known = LONG_FUNCTIONS if known is None else known
    left = dict(known)
    for path, name, line, length in functions(tree):
        if (path, name) in known:
            left.pop((path, name), None)
            yield from allowed(f"{path}:{line}: {name}()", length, FUNCTION_LINES, known[path, name], "LONG_FUNCTIONS")
        elif length > FUNCTION_LINES:
            yield f"{path}:{line}: {name}() has {length} lines: {FUNCTION_LINES} at the most; name its parts"
    yield from (f"{path}: {name}() is not there: take it out of LONG_FUNCTIONS (tools/tidying.py)" for path, name in left)


def forbidden_words(tree):
    itself = ("tools/tidying.py", "tests/tools/test_tidy.py")
    for pattern, endings, instead in FORBIDDEN:
        for path in tree.select(*endings):
            if path in itself:
                continue
            for number, line in enumerate(tree.lines(path), 1):
                if found := re.search(pattern, line):
                    yield f"{path}:{number}: '{found[0].strip()}' is forbidden: {instead}"


def without_comments(text):
    return re.sub(r"//[^\n]*|/\*.*?\*/", "", text, flags=re.S)


TYPE = r"\b(?:class|struct|union|enum class|enum)\s+(?:alignas\([^)]*\) )?(\w+)"


def declared(text):
    """The names that a header gives: of types, functions, constants, macros, aliases and values of enumerations, and of
    members. Lines at the left and as deep as members are taken for declarations, but for those of a function's body."""
    text = without_comments(text)
    names = set(re.findall(r"#\s*define\s+(\w+)", text))
    for values in re.findall(r"\benum\b[^{;]*\{([^}]*)\}", text):
        names |= set(re.findall(r"\b(\w+)\s*(?:=[^,]*)?(?:,|$)", values))
    inside = False  # a function's body
    for line in text.split("\n"):
        if inside or re.match(r" {3}|\s*(?:}|#|namespace\b|(?:public|private|protected):)", line):
            inside = inside and line[:1] != "}"
            continue
        types = re.findall(TYPE, line)
        inside = line[:1] not in ("", " ") and line.endswith("{") and not types
        if types and line.endswith(";") and "{" not in line:
            continue  # it is declared here, and given elsewhere
        names |= set(types) | set(re.findall(r"\busing (?:\w+::)*(\w+)", line))
        head = line.split("{")[0].split(" = ")[0].split(" : ")[0].rstrip()
        names |= set(re.findall(r"(\w+|operator\S+)\(", head)[:1] or re.findall(r"(\w+)(?:\[[^\]]*\])*;?$", head))
    return {name for name in names if not name[0].isdigit()} - {"const", "override", "return", "if", "for", "while", "switch"}


INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"')


def included_headers(tree, path, name):
    """What an include may mean: the public header, one beside the file, one of the file's module, or else any of that name;
    none: it is another's."""
    beside = posixpath.normpath(posixpath.join(posixpath.dirname(path), name))
    of_module = "/".join(path.split("/")[:2] + [name])
    for one in (f"include/{name}", beside, of_module):
        if one in tree.select(".h"):
            return [one]
    return [header for header in tree.select(".h") if header.endswith("/" + name)]


def includes(tree):
    """(path, line, name, headers) of each include in quotes."""
    for path in tree.select(*CODE):
        for number, line in enumerate(tree.lines(path), 1):
            if found := INCLUDE.match(line):
                yield path, number, found[1], included_headers(tree, path, found[1])


def used_words(tree, path):
    return set(re.findall(r"\w+", re.sub(r"^\s*#\s*include.*$", "", without_comments(tree.text(path)), flags=re.M)))


def dead_includes(tree):
    """Of our own headers none of whose names is used: not there, and of a header's includes not by those who include it
    either. A precompiled header (pch/) gathers for others."""
    names = {path: declared(tree.text(path)) for path in tree.select(".h")}
    words = {path: used_words(tree, path) for path in tree.select(*CODE)}
    all_ = list(includes(tree))
    for path, _, _, headers in all_:
        for header in headers:
            words[header] = words[header] | used_words(tree, path)
    for path, number, name, headers in all_:
        own = pathlib.PurePosixPath(path).stem == pathlib.PurePosixPath(name).stem
        if headers and not own and "/pch/" not in path and not words[path] & set().union(*(names[h] for h in headers)):
            yield f"{path}:{number}: nothing of {name} is used: take the include out"


def upward_includes(tree, folders=None):
    """Within a module, of what stands above it; and folders that FOLDERS does not know."""
    folders = FOLDERS if folders is None else folders
    for module, order in folders.items():
        height = {folder: n for n, folder in enumerate(order)}

        def folder_of(path, module=module):
            return path.removeprefix(module + "/").rpartition("/")[0] if path.startswith(module + "/") else None

        there = {folder_of(path) for path in tree.select(*CODE, under=module + "/")} - {"", "pch"}
        for folder in sorted(there ^ set(order)):
            known = "has no place" if folder in there else "is not there"
            yield f"{module}/{folder}: the folder {known} in the order of FOLDERS (tools/tidying.py)"
        for path, number, name, headers in includes(tree):
            own = folder_of(path)
            above = [header for header in headers if (to := folder_of(header)) is not None and own in height
                     and height.get(to, len(order)) > height[own]]
            if above and len(above) == len(headers):
                yield f"{path}:{number}: {name} stands above {own}/: what both need belongs below"


def named_words(tree):
    builds = [path for path in tree.paths if posixpath.basename(path) == "meson.build"]
    return {word.removeprefix("../") for build in builds for word in re.findall(r"'([^'\n]+\.h)'", tree.text(build))}


def named_by_builds(tree):
    """The files that a meson.build names: whole, or put together of a name in it, as in 'fuzz_' + name + '.cc'."""
    found = set()
    for build in tree.paths:
        if posixpath.basename(build) != "meson.build":
            continue
        text = re.sub(r"#.*", "", tree.text(build))
        words = set(re.findall(r"'([^'\n]+)'", text))
        found |= {posixpath.normpath(posixpath.join(posixpath.dirname(build), word)) for word in words}
        for before, after in re.findall(r"(?:'([\w-]*)' \+ )?\bname\b(?: \+ '([\w.-]*)')?", text):
            ending = "" if after else ".py"  # a module's name, which harness.py is given
            found |= {posixpath.join(posixpath.dirname(build), before + word + after + ending) for word in words}
    return found


def orphans(tree):
    """Files that no build names, so that they are never compiled or run."""
    named = named_by_builds(tree)
    sources = [path for folder in ("src/", "tests/", "bench/") for path in tree.select(".cc", under=folder)]
    tests = [path for path in tree.select(".py", under="tests/") if posixpath.basename(path).startswith("test_")]
    for path in sources + tests:
        if path not in named:
            yield f"{path}: no meson.build names it, so that it is never built or run: add it to its folder's"
    included = {header for _, _, _, headers in includes(tree) for header in headers}
    for path in tree.select(".h"):
        # A precompiled header is named from the folder of its target.
        if path not in included and not any(path == name or path.endswith("/" + name) for name in named_words(tree)):
            yield f"{path}: nothing includes it: take it out"


def outside_blocks(tree, path):
    """(number, line) of a document's text, without what stands in fences."""
    inside = False
    for number, line in enumerate(tree.lines(path), 1):
        if line.startswith("```"):
            inside = not inside
        elif not inside:
            yield number, line


def anchors(text):
    titles = re.findall(r"^#+ (.*)$", text, re.M)
    return {re.sub(r"[^\w -]", "", title.lower()).strip().replace(" ", "-") for title in titles}


def dead_links(tree):
    for path in tree.select(".md"):
        for number, line in outside_blocks(tree, path):
            for target in re.findall(r"\]\(([^)\s]+)\)", line):
                if re.match(r"https?:", target):
                    continue
                where, _, anchor = target.partition("#")
                file = posixpath.normpath(posixpath.join(posixpath.dirname(path), where)) if where else path
                if not (tree.root / file).exists():
                    yield f"{path}:{number}: {target}: there is no such file: correct the link"
                elif anchor and anchor not in anchors(tree.text(file)):
                    yield f"{path}:{number}: {target}: there is no such heading: correct the link"


def wide_prose(tree):
    """Of tables the lines cannot be broken, nor the target of a link; what is in fences is as programs print it."""
    for path in tree.select(".md"):
        for number, line in outside_blocks(tree, path):
            width = len(re.sub(r"\]\([^)]*\)", "]", line))
            if width > PROSE_COLUMNS and not line.startswith("|"):
                yield f"{path}:{number}: {width} columns: {PROSE_COLUMNS} at the most; break the line"


PATH = re.compile(r"^(?:\./)?((?:src|include|tests|tools|bench|contrib|docs|data|subprojects)/[\w./-]*\w)")


def missing_paths(tree):
    """What documents name in backquotes; of a folder `tests` or of anchorctl's it may stand without the folder."""
    for path in tree.select(".md"):
        if path == "CHANGELOG.md":  # it tells of what was
            continue
        for number, line in outside_blocks(tree, path):
            for span in re.findall(r"(?<!`)`([^`\n]+)`(?!`)", line):
                named = PATH.match(span)
                if not named or "<" in span or "*" in span:
                    continue
                if not any((tree.root / above / named[1]).exists() for above in ("", "src/apps/anchorctl", "tests")):
                    yield f"{path}:{number}: `{span}`: there is no such file: name the one that is meant"


CHECKS = (too_wide, too_long_files, too_long_functions, forbidden_words, dead_includes, upward_includes, orphans, dead_links, wide_prose,
          missing_paths)


def main(tree=None):
    tree = tree or Tree()
    findings = [finding for check in CHECKS for finding in check(tree)]
    print(*findings, sep="\n", end="\n" if findings else "")
    return 1 if findings else 0
