"""Names meson's tests that a change concerns, one a line: of the modules whose files have changed and of those that
stand on them, and the end-to-end tests that show their behaviour soonest.

    tools/selection.py [FILE...]

Without files those count that have changed since the branch left the main line, committed or not; on the main line
itself, where everything is committed, those of the last commit.
"""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent

ALWAYS = {"tools-guards", "tools-shown", "tools-tidy"}  # they read the whole tree, in seconds
# What contrib/ stands on: the names of metrics, and what documents say of them.
WATCHED = ("contrib/", "include/anchord/service/metrics.def", "src/control/admin/service_metrics.def", "tools/metrics.py",
           "tests/tools/test_alerts.py", "docs/guides/watching.md", "docs/reference/metrics.md", "docs/reference/admin-api.json")
# By what a path begins with, the first that fits. Long ones (abuse, procedures, anchorload_bad) are for the whole run,
# unless they are changed themselves.
DOCUMENTS = ["docs", "docs_errors", "docs_json", "docs_metrics", "docs_names"]
END_TO_END = {
    "src/apps/anchord/": ["explain", "bad_input", "docs_names"],
    "src/apps/anchorctl/commands/backup": ["anchorctl_backup"],
    "src/apps/anchorctl/commands/passphrase": ["anchorctl_backup"],
    "src/apps/anchorctl/commands/file": ["anchorctl_file"],
    "src/apps/anchorctl/commands/phone": ["anchorctl_phone"],
    **{f"src/apps/anchorctl/commands/{name}": ["operate", "anchorctl", "docs_json"]
       for name in ("check", "cluster_facts", "doctor", "support_bundle", "top")},
    "src/apps/anchorctl/": ["anchorctl", "anchorctl_import", "anchorctl_lifecycle", "anchorctl_phone", "completion", "man",
                            *DOCUMENTS],
    "src/apps/anchorload/boot": ["boot"],
    "src/apps/anchorload/": ["anchorload", "anchorload_tvs", "completion", "man"],
    "src/apps/settings-reference/": ["completion", "docs_names", "man"],
    "src/control/process/setting": ["completion", "explain", "bad_input", "man", *DOCUMENTS],
    "src/control/process/service_manager": ["explain", "systemd"],
    "src/admin/": ["admin"],
    "src/control/admin/page": ["admin_page"],
    "src/control/admin/": ["admin", "admin_api"],
    "src/report/": ["admin_api", "anchorctl", "anchorctl_phone", "docs_json"],
    "docs/reference/admin-api.json": ["admin_api"],
    "tests/e2e/browser.py": ["admin_page"],
    "tests/e2e/json_schema.py": ["admin_api"],
    "src/control/": ["explain", "ledger", "bad_input"],
    "src/crypto/": ["anchord"],
    "src/engine/": [],  # its own tests are with real members
    "src/index/": ["anchord"],
    "src/io/": ["anchord"],
    "src/phone/": ["own_lists", "anchorctl_phone"],
    "src/protocol/": ["control_messages", "docs_json", "trace"],
    "src/service/": ["anchord", "docs_metrics", "ledger"],
    "src/store/": ["anchorctl", "anchorctl_import", "ledger"],
    "src/trust/": ["anchorctl_lifecycle", "boot"],
    "src/wire/": ["anchord", "anchorctl_file"],
    "src/base/": ["anchord", "anchorctl"],
    "tests/e2e/control.py": ["control_messages", "anchorctl", "anchorctl_lifecycle", "docs_metrics"],
    "tools/completion": ["completion"],
    "tools/default-config": ["install"],
    "tools/man-pages": ["man"],
    "tools/metrics.py": ["docs_metrics"],
    "tools/program_help.py": ["completion", "man"],
    "tools/settings": ["completion", "docs_names", "man"],
    "packaging/": ["install", "systemd"],
    "contrib/": ["install"],
    "debian/": ["install"],
    "tests/e2e/break_out.py": ["systemd"],
    "tests/e2e/documents.py": DOCUMENTS,
    "tests/e2e/lossy.py": ["provisioning"],
    "tests/e2e/windowed_client.py": ["provisioning"],
    "tests/e2e/network.py": ["network", "boot"],
    "tests/e2e/beliefs.py": ["no_lock", "soak"],
    "tests/e2e/soak/": ["soak"],
    "tests/e2e/dummy_counter/": ["docs_metrics"],
    "tests/e2e/": ["network", "anchorctl_file", "bad_input"],
}


def modules():
    """The modules, and what each may use: as meson.build says."""
    text = (ROOT / "meson.build").read_text()
    table = text[text.index("modules = {"):]
    found = re.findall(r"'(\w+)': *\{'uses': \[([^\]]*)\]", table)
    return {name: re.findall(r"\w+", used) for name, used in found}


def standing_on(changed, uses):
    """These modules and those that use them, directly or not."""
    found = set(changed)
    while more := {name for name, used in uses.items() if found & set(used)} - found:
        found |= more
    return found


def tests_for(path, uses):
    """Names of the tests that one file concerns."""
    return tests_of_parts(path, uses) | ({"tools-alerts"} if path.startswith(WATCHED) else set())


def tests_of_parts(path, uses):
    """The same, by the part of the tree that it is in."""
    top, *rest = path.split("/")
    if path in ("README.md", "CONTRIBUTING.md", "SECURITY.md") or top == "docs":
        return {f"e2e-{name}" for name in DOCUMENTS}
    if path.endswith(".md"):
        return set()
    if top == "include":  # include/anchord/<module>/
        top, rest = "src", rest[1:]
    found = set()
    module = rest[0] if rest else ""
    if top == "src" and module in uses:
        units = standing_on([module], uses)
        found |= units | ({"sim"} if "service" in units else set())
    elif top == "tests" and (module in uses or module == "sim"):
        found.add(module)
    elif top == "tests" and module == "simulation":  # tests of the ring itself, and of whom it is there for
        found |= {"io", "service", "sim", "memory"}
    elif "tools" in (top, module):
        found |= {"tools-failures", "tools-fuzzing", "tools-linting", "tools-packaging", "tools-selection"}
    elif top == "tests" and module == "fuzz":
        one = re.match(r"tests/fuzz/(?:corpus/(\w+)/|fuzz_(\w+)\.cc$)", path)
        all_of_them = [file.stem.removeprefix("fuzz_") for file in (ROOT / "tests/fuzz").glob("fuzz_*.cc")]
        found |= {f"replay-{name}" for name in ([one[1] or one[2]] if one else all_of_them)}
    elif top == "tests" and module != "e2e":  # what several share
        found |= set(uses)
    elif top in ("contrib", "packaging", "debian"):
        found.add("tools-packaging")
    elif path.endswith("meson.build") or top == "subprojects":
        found |= {*uses, "sim"}
    itself = re.fullmatch(r"tests/e2e/test_(\w+)\.py", path)
    if itself:
        return {f"e2e-{itself[1]}"}
    where = "/".join([top, *rest])
    for begin, names in END_TO_END.items():
        if where.startswith(begin):
            return found | {f"e2e-{name}" for name in names}
    return found


def selected(paths):
    """Names of the tests that these files concern together."""
    uses = modules()
    found = set().union(*(tests_for(path, uses) for path in paths))
    return found | ALWAYS if paths else found


def git(*args):
    done = subprocess.run(["git", *args], cwd=ROOT, capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else ""


def changed_files():
    """Those that are not in git yet, and then the others, with the most changed lines first."""
    head = git("rev-parse", "HEAD")
    upstream = git("rev-parse", "--abbrev-ref", "@{upstream}") or "origin/HEAD"
    base = git("merge-base", "HEAD", upstream) or head
    if base == head and not git("status", "--porcelain"):
        base = git("rev-parse", "HEAD~1")
    rows = [line.split("\t") for line in git("diff", "--numstat", "--no-renames", base).splitlines()]
    rows.sort(key=lambda row: -sum(int(count) for count in row[:2] if count.isdigit()))
    return [*git("ls-files", "--others", "--exclude-standard").splitlines(), *(row[2] for row in rows)]


def main(files):
    print(*sorted(selected(files or changed_files())), sep="\n")


if __name__ == "__main__":
    main(sys.argv[1:])
