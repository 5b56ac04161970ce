"""The completions that the build makes (tools/completions), as bash, zsh and fish run them: every command and flag is offered,
and so are the names that there are."""

import os
import pathlib
import subprocess
import unittest

import harness
from harness import BUILD, client, environment, program, run
from test_docs_names import EVERYWHERE, PROGRAMS, commands, flags, subcommands

BASH_COMPLETION = pathlib.Path("/usr/share/bash-completion/bash_completion")
FILES = BUILD / "src/apps"

# Each line of its input is completed at its end; an empty line ends what is offered for it.
BASH = """
source {library}
source {script}
while IFS= read -r COMP_LINE; do
  COMP_POINT=${{#COMP_LINE}}
  read -ra COMP_WORDS <<<"$COMP_LINE"
  [[ $COMP_LINE != *' ' ]] || COMP_WORDS+=('')
  COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
  COMPREPLY=()
  _{name} {name} "${{COMP_WORDS[COMP_CWORD]}}" "${{COMP_WORDS[COMP_CWORD - 1]}}"
  printf '%s\\n' "${{COMPREPLY[@]}}" ''
done
"""

# What is handed to zsh's own functions is printed, which choose what begins as the word does.
ZSH = """
compdef() {{ }}
compset() {{ }}
compadd() {{ shift; local -a fit=(${{(M)@:#${{current}}*}}); [[ -z $fit ]] || print -l -- $fit }}
_describe() {{ [[ $1 != -o ]] || shift; print -l -- ${{${{(P)2}}%%:*}} }}
_files() {{ print -- "files $*" }}
source {script}
while IFS= read -r line; do
  words=(${{=line}})
  [[ $line != *' ' ]] || words+=('')
  CURRENT=$#words PREFIX=$words[-1]
  _{name}
  print
done
"""

FISH = """
source {script}
while read -l line
    complete -C $line | string split -f 1 \\t
    echo
end
"""


class Shell(harness.Case):
    """One of the shells; what is offered for lines, all of them by one process."""

    shell = None
    script = None
    text = None
    programs = ""

    def offered(self, name, *lines, state=None):
        script = FILES / self.script.format(name=name)
        if not script.is_file():
            raise unittest.SkipTest(f"ANCHORD_BIN={BUILD} has no {script.name}")
        path = f"{self.programs or program('anchorctl').parent}:{os.environ['PATH']}"
        env = {**environment(), "PATH": path, "HOME": str(self.folder), **({"ANCHORD_STATE": str(state)} if state else {})}
        text = self.text.format(library=BASH_COMPLETION, script=script, name=name)
        done = subprocess.run(self.command(text), input="".join(f"{line}\n" for line in lines), capture_output=True, text=True,
                              timeout=harness.BOUND, env=env, cwd=self.folder, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        found, now = [], set()
        for line in done.stdout.splitlines():
            if line:
                now.add(line)
            else:
                found, now = [*found, now], set()
        self.assertEqual(len(found), len(lines), done.stdout)
        return found

    def command(self, text):
        return [client(self.shell), "-c", text]


class Offered:
    """What each shell is asked."""

    def test_every_command_and_flag_is_offered(self):
        for name in PROGRAMS:
            known = {command[1:] for command in commands(name)} | {()}
            groups = {command[:size] for command in known for size in range(len(command))}
            wanted = {}
            for words in sorted(known | groups):
                line = " ".join((name, *words))
                wanted[f"{line} --"] = flags(name, *words) | (EVERYWHERE if not words else {"--help"})
                wanted[f"{line} --"] |= {"--state"} if name == "anchorctl" else set()
                if below := set(subcommands(name, *words)):
                    wanted[f"{line} "] = below
            found = dict(zip(wanted, self.offered(name, *wanted)))
            self.assertEqual({line: found[line] for line in wanted if found[line] != wanted[line]}, {})

    def test_words_are_offered(self):
        found = self.offered("anchorctl", "anchorctl cert export ", "anchorctl init --key ", "anchorctl mode set m",
                             "anchorctl --state somewhere cert regenerate tftp-")
        self.assertEqual(found, [{"tvs", "tftp", "tftp-ec", "capf", "recovery"}, {"rsa2048", "rsa4096", "p256"}, {"mixed"},
                                 {"tftp-ec"}])
        self.assertEqual(self.offered("anchord", "anchord --log-format ", "anchord --tls-min "),
                         [{"text", "json"}, {"1.0", "1.1", "1.2", "1.3"}])

    def test_what_there_is_is_offered(self):
        state = self.folder / "cluster"
        for command in (("init", "--name", "demo", "--host", "one=127.0.0.1", "--host", "two=127.0.0.2"),
                        ("phone", "add", "SEP001122334455", "SEP00112233AABB")):
            made = run(program("anchorctl"), "--state", state, *command)
            self.assertEqual(made.returncode, 0, made.stderr)
        lines = ("anchorctl phone show ", "anchorctl phone remove SEP001122334455 SEP00112233A", "anchorctl host rename ",
                 "anchorctl cert export tvs --host t")
        wanted = [{"SEP001122334455", "SEP00112233AABB"}, {"SEP00112233AABB"}, {"one", "two"}, {"two"}]
        self.assertEqual(self.offered("anchorctl", *lines, state=state), wanted)
        self.assertEqual(self.offered("anchorctl", f"anchorctl --state {state} phone show "), wanted[:1])
        self.assertEqual(self.offered("anchord", f"anchord --state {state} --host "), [{"one", "two"}])
        (hashes,) = self.offered("anchorctl", "anchorctl cert show ", state=state)
        listed = run(program("anchorctl"), "--state", state, "cert", "list").stdout.decode().splitlines()[1:]
        self.assertEqual(hashes, {line.split()[0] for line in listed})
        # Where nothing can be asked, nothing is offered, and nothing said.
        self.assertEqual(self.offered("anchorctl", "anchorctl phone show ", state=self.folder / "none"), [set()])

    def test_names_are_not_read_as_commands(self):
        hostile = self.folder / "bin"
        hostile.mkdir()
        (hostile / "anchorctl").write_text("#!/bin/sh\necho NAME\necho '$(touch${IFS}made)'\necho '`touch made`'\necho SEP1 x\n")
        (hostile / "anchorctl").chmod(0o755)
        self.programs = str(hostile)
        self.assertEqual(self.offered("anchorctl", "anchorctl phone show "), [{"SEP1"}])
        self.assertFalse((self.folder / "made").exists())


class Bash(Offered, Shell):
    shell, script, text = "bash", "{name}.bash", BASH

    def command(self, text):
        if not BASH_COMPLETION.is_file():
            raise unittest.SkipTest("bash-completion is not installed")
        return [client("bash"), "--norc", "-c", text]

    def test_files_and_values_behind_an_equals_sign(self):
        (self.folder / "certificate.pem").touch()
        (self.folder / "certificates").mkdir()
        self.assertEqual(self.offered("anchorctl", "anchorctl cert add cert", "anchorctl --state cert"),
                         [{"certificate.pem", "certificates"}, {"certificates"}])


class Zsh(Offered, Shell):
    shell, script, text = "zsh", "_{name}", ZSH

    def command(self, text):
        return [client("zsh"), "-f", "-c", text]

    def test_zsh_itself_loads_it(self):
        """Its own functions, and not those of this test."""
        names = " ".join(f"_{name}" for name in PROGRAMS)
        text = f"fpath=({FILES} $fpath); autoload -Uz compinit && compinit -u -D; for name in {names}; do print $_comps[${{name#_}}]; done"
        done = subprocess.run(self.command(text), capture_output=True, text=True, timeout=harness.BOUND, env=environment(), check=False)
        self.assertEqual(done.stdout.split(), names.split(), done.stderr)


class Fish(Offered, Shell):
    shell, script, text = "fish", "{name}.fish", FISH

    def command(self, text):
        return [client("fish"), "--no-config", "-c", text]


del Shell

if __name__ == "__main__":
    harness.main()
