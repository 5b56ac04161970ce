"""A program's commands, options and arguments, as its --help prints them of its tables. Manual pages and completions are made
of it."""

import re
import subprocess


class Help:
    """What a program prints for --help: a sentence, and a few lists of names with what is said of them."""

    def __init__(self, program, *command):
        text = subprocess.run([program, *command, "--help"], check=True, stdout=subprocess.PIPE, text=True).stdout
        self.sentence = text.split("\n", 1)[0]
        self.lists, rows = {}, []
        for line in text.splitlines()[1:]:
            if re.fullmatch(r"\w+:", line):
                rows = self.lists.setdefault(line[:-1], [])
            elif re.match(r" {2}\S", line):
                name, _, said = re.match(r"  (.*?)( {2,}|(?<= REQUIRED) |$)(.*)", line).groups()
                rows.append([name, said.strip()])
            elif line.strip() and rows:
                rows[-1][1] = f"{rows[-1][1]} {line.strip()}".strip()

    def commands(self):
        return [name for name, _ in self.lists.get("Subcommands", [])]

    def given(self):
        """What may be typed, as it is shown, and what is said of it: first what is known by its place, then options, without
        --help and --version, which all have."""
        for kind in ("Positionals", "Options"):
            for name, said in self.lists.get(kind, []):
                if not name.startswith("-h,") and not name.startswith("-V,"):
                    yield name, said


def walk(program, *above):
    """Each command with what it prints for --help, in its order."""
    said = Help(program, *above)
    yield above, said
    for name in said.commands():
        yield from walk(program, *above, name)
