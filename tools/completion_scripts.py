"""The scripts that tools/completions writes: the same commands in each shell's own words."""

import re

HEAD = "# Made by tools/completions."
LISTS = {"devices": "phone list", "hosts": "host list", "certificates": "cert list"}
# The first column of such a list. A shell may read what is offered as its own: what is no plain name is left out.
NAMES = "awk 'NR > 1 && $1 ~ /^[A-Za-z0-9._-]+$/ { print $1 }'"


def plain(text):
    """The first sentence, without marks of Markdown."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text).replace("`", "")
    return re.split(r"(?<=[a-z0-9)])\. ", text)[0].rstrip(".")


def quoted(text):
    return "'" + text.replace("'", "'\\''") + "'"


def places(arguments):
    """What stands at each place, and what may stand behind those, again and again."""
    return (arguments[:-1], arguments[-2]) if arguments[-1:] == ("...",) else (arguments, "")


# ---- bash and zsh ----


def spelt(options):
    """Each with what its value is: "--json --state:folders"."""
    return " ".join(f"{name}:{value}" if value else name for name, value, _ in options)


def table(program, commands, more=lambda _: []):
    """A function that says what may stand behind a command; `more`: further lines for it."""
    lines = [f"_{program}_at() {{", "  case $1 in"]
    for command in commands:
        arguments, rest = places(command.arguments)
        lines += [f"    {quoted(command.path)})", f"      commands={quoted(' '.join(name for name, _ in command.commands))}",
                  f"      options={quoted(spelt(command.options))}", f"      arguments=({' '.join(arguments)}) rest={rest}"]
        lines += [f"      {line}" for line in more(command)]
        lines[-1] += " ;;"
    return "\n".join([*lines, "  esac", "}", ""])


LIST = """
_@program@_list() {  # WHAT STATE
  local -a from
  [[ -z $2 ]] || from=(--state "$2")
  case $1 in
@lists@
  esac 2>/dev/null | @names@
}
"""

# How a line is read: `typed` stands between the program and `current`, which is being typed. It leaves `what` is wanted.
READ = """
_@program@_read() {
  local word at= before= left=0
  _@program@_at ''
  for word in "${typed[@]}"; do
    if [[ -n $before ]]; then
      [[ $before != --state ]] || state=$word
      before=
    elif [[ $word == --*=* ]]; then
      [[ $word != --state=* ]] || state=${word#*=}
    elif [[ $word == -* ]]; then
      [[ " $options " != *" $word:"* ]] || before=$word
    elif [[ " $commands " == *" $word "* ]]; then
      at=${at:+$at }$word
      _@program@_at "$at"
    else
      left=$((left + 1))
    fi
  done
  if [[ -z $before && $current == --*=* && " $options " == *" ${current%%=*}:"* ]]; then
    before=${current%%=*}
    current=${current#*=}
  fi
  if [[ -n $before ]]; then
    what=${options#*"$before:"}
    what=${what%% *}
  elif [[ $current == -* ]]; then
    what=options
  elif [[ -n $commands ]]; then
    what=commands
  else
    what=$rest
    for word in "${arguments[@]}"; do
      ((left > 0)) || what=$word
      left=$((left - 1))
      ((left >= 0)) || break
    done
  fi
}
"""

BASH = """
_@program@() {
  local cur prev words cword
  _init_completion -n = || return
  local current=$cur state= what= rest= commands= options= offered= name
  local -a typed=("${words[@]:1:cword-1}") arguments=()
  _@program@_read
  cur=$current
  case $what in
    files) _filedir ;;
    folders) _filedir -d ;;
    options) offered=$options ;;
    commands) offered=$commands ;;
    words=*) offered=${what#words=} offered=${offered//,/ } ;;
    devices | hosts | certificates) offered=$(_@program@_list "$what" "$state") ;;
  esac
  for name in $offered; do
    name=${name%%:*}
    [[ $name != "$current"* ]] || COMPREPLY+=("$name")
  done
}
complete -F _@program@ @program@
"""

ZSH = """
_@program@() {
  local current=$PREFIX state= what= rest= commands= options= offered=
  local -a typed arguments described_commands described_options
  typed=("${(@)words[2,CURRENT-1]}")
  _@program@_read
  [[ $current == "$PREFIX" ]] || compset -P '*='
  case $what in
    files) _files ;;
    folders) _files -/ ;;
    options) _describe -o option described_options ;;
    commands) _describe command described_commands ;;
    words=*) compadd -- ${(s:,:)what#words=} ;;
    devices | hosts | certificates) compadd -- ${(f)"$(_@program@_list $what $state)"} ;;
  esac
}
if [[ ${zsh_eval_context[-1]} == loadautofunc ]]; then
  _@program@ "$@"
else
  compdef _@program@ @program@
fi
"""


def filled(text, program):
    lists = "\n".join(f'    {what}) anchorctl "${{from[@]}}" {command} ;;' for what, command in LISTS.items())
    return text.replace("@lists@", lists).replace("@names@", NAMES).replace("@program@", program)


def bash(program, commands):
    return f"{HEAD}\n\n" + table(program, commands) + filled(LIST + READ + BASH, program)


def described(command):
    def rows(pairs):
        return " ".join(quoted(f"{name}:{plain(said)}") for name, said in pairs)
    return [f"described_commands=({rows(command.commands)})",
            f"described_options=({rows((name, said) for name, _, said in command.options)})"]


def zsh(program, commands):
    return f"#compdef {program}\n{HEAD}\n\n" + table(program, commands, described) + filled(LIST + READ + ZSH, program)


# ---- fish ----

FISH = """
function __@program@_at --description 'Whether the line is at this command'
    set -l at
    set -l before
    for word in (commandline -opc)[2..]
        if set -q before[1]
            set -e before
        else if string match -q -- '-*' $word
            contains -- $word $__@program@_valued; and set before $word
        else if contains -- (string join ' ' -- $at $word) $__@program@_paths
            set -a at $word
        end
    end
    test "$at" = "$argv"
end

function __@program@_list --description 'Names of a list of the cluster'
    set -l words (commandline -opc)
    set -l from
    set -l place (contains -i -- --state $words); and set from --state $words[(math $place + 1)]
    anchorctl $from $argv 2>/dev/null | @names@
end

complete -c @program@ -f
"""


def fish_value(program, what):
    if what in ("files", "folders"):
        return "-F"
    if what.startswith("words="):
        return f"-x -a {quoted(what.removeprefix('words=').replace(',', ' '))}"
    if what in LISTS:
        return f"-x -a {quoted(f'(__{program}_list {LISTS[what]})')}"
    return "-x"


def fish(program, commands):
    valued = sorted({name for command in commands for name, value, _ in command.options if value})
    lines = [HEAD, "", f"set -g __{program}_valued {' '.join(valued)}",
             f"set -g __{program}_paths {' '.join(quoted(command.path) for command in commands if command.path)}",
             filled(FISH, program)]
    for command in commands:
        here = f"complete -c {program} -n {quoted(f'__{program}_at {command.path}'.strip())}"
        lines += [f"{here} -a {name} -d {quoted(plain(said))}" for name, said in command.commands]
        for name, value, said in command.options:
            taken = f" -r {fish_value(program, value)}" if value else ""
            lines.append(f"{here} -l {name[2:]}{taken} -d {quoted(plain(said))}")
        lines += [f"{here} {fish_value(program, what)}" for what in dict.fromkeys(places(command.arguments)[0]) if what != "free"]
    return "\n".join(lines) + "\n"


def scripts(program, commands):
    """The text of each file by its name."""
    return {f"{program}.bash": bash(program, commands), f"_{program}": zsh(program, commands),
            f"{program}.fish": fish(program, commands)}
