"""What the shells complete for a command: by shtab, and by functions of ours.

Ours complete nodes and enrolments, by a glob over the registry: completion never starts Python.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import shtab

BASH = """\
# The names of FOLDER/*.toml in the registry. Usage: _reversi_names FOLDER WORD
_reversi_names() {
  local at home=${REVERSI_HOME:-/etc/reversi} file names=()
  for ((at = 1; at < COMP_CWORD - 1; at++)); do
    [[ ${COMP_WORDS[at]} != --home ]] || home=${COMP_WORDS[at + 1]/#\\~\\//$HOME/}
  done
  for file in "$home/$1"/*.toml; do
    [[ ! -e $file ]] || { file=${file##*/} && names+=("${file%.toml}"); }
  done
  compgen -W "${names[*]}" -- "$2"
}
_reversi_nodes() { _reversi_names nodes "$1"; }
_reversi_enrolments() { _reversi_names enrolments "$1"; }
# Paths may contain spaces.
_reversi_files() { compgen -f -- "$1"; }
_reversi_dirs() { compgen -d -- "$1"; }"""
ZSH = """\
# The names of FOLDER/*.toml in the registry. Usage: _reversi_names FOLDER [compadd's options]
_reversi_names() {
  local folder=$1 home=${REVERSI_HOME:-/etc/reversi}
  local -a names typed=(${(Q)${(z)BUFFER}})
  local -i at=$typed[(I)--home]
  shift
  (( ! at )) || home=${typed[at + 1]/#\\~\\//$HOME/}
  names=($home/$folder/*.toml(N:t:r))
  compadd "$@" -a names
}
_reversi_nodes() { _reversi_names nodes "$@" }
_reversi_enrolments() { _reversi_names enrolments "$@" }"""
FISH = """\
# The names of FOLDER/*.toml in the registry. Usage: _reversi_names FOLDER
function _reversi_names
  set -l home /etc/reversi
  test -z "$REVERSI_HOME"; or set home $REVERSI_HOME
  set -l words (commandline -opc)
  if set -l at (contains -i -- --home $words); and test $at -lt (count $words)
    set home (string replace -r '^~/' "$HOME/" -- $words[(math $at + 1)])
  end
  for file in $home/$argv[1]/*.toml
    string replace -r '^.*/(.*)\\.toml$' '$1' -- $file
  end
end"""


def own(function: str) -> dict[str, Any]:
    """Return how each shell calls one of our functions."""
    return {
        "bash": f"_reversi_{function}",
        "zsh": f"_reversi_{function}",
        "fish": f"(_reversi_names {function})",
    }


PATHS = {
    "file": {**shtab.FILE, "bash": "_reversi_files"},
    "dir": {**shtab.DIRECTORY, "bash": "_reversi_dirs"},
}
NEW_NAMES = ("node add", "node adopt", "enrol new")
"""Verbs whose own word is a name that is not taken yet."""


def kind_of(action: argparse.Action, verb: str) -> Any:
    """Return what completes the action's value; None if nothing does."""
    said = action.metavar if isinstance(action.metavar, str) else action.dest
    if said == "DIR":
        return PATHS["dir"]
    if action.type is Path or said in ("FILE", "PATH"):
        return PATHS["file"]
    if verb.endswith(NEW_NAMES) and not action.option_strings:
        return None
    if "NODE" in said or action.dest == "node":
        return own("nodes")
    return own("enrolments") if said == "ID" else None


def walk(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """Yield the parser and those of all its verbs."""
    yield parser
    for action in parser._actions:  # noqa: SLF001 - argparse has no public name for it
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - as above
            for verb in action.choices.values():
                yield from walk(verb)


def completion(parser: argparse.ArgumentParser, shell: str) -> str:
    """Return the file that makes the shell complete this command."""
    for each in walk(parser):
        for action in each._actions:  # noqa: SLF001 - as above
            kind = kind_of(action, each.prog) if action.nargs != 0 else None
            if kind is not None and not action.choices:
                action.complete = kind  # type: ignore[attr-defined] # as shtab wants it
            if shell == "zsh" and isinstance(action.metavar, str):
                action.metavar = action.metavar.replace(":", "\\:")  # shtab leaves it as it is
    functions = {"bash": BASH, "zsh": ZSH, "fish": FISH}[shell]
    return f"{shtab.complete(parser, shell, preamble=functions).rstrip()}\n"
