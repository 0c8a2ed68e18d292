"""`reversi-checker`: build the grammar, run one command, turn its outcome into an exit status."""

from __future__ import annotations

import argparse
import gc
import logging
import os
import sys
import traceback
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from importlib import import_module

from checker import __version__, journal
from checker.arguments import Help, Parser
from checker.cli.dialog import Declined, narrate
from checker.cli.exit_codes import PROG, ExitCode, exit_code_of
from checker.cli.node import NODE_VERBS, add_group
from checker.cli.verbs import Command, Verbs, global_options
from checker.config.layout import find_layout, refuse_unmade
from checker.config.readers import refuse_outsider
from checker.output import sentence_of

VERBS = {
    "up": "run",
    "serve": "run",
    "status": "status",
    "probe": "acts",
    "kill": "acts",
    "reset": "acts",
    "drain": "drain",
    "undrain": "drain",
    "log": "log",
    "report": "report",
    "mute": "mute",
    "unmute": "mute",
    "mutes": "mute",
    "alert": "alert",
    "metrics": "metrics",
    "node": "node",
    "enrol": "enrol",
    "known-hosts": "known_hosts",
    "ssh-config": "ssh_config",
    "inventory": "inventory",
    "fleet": "fleet",
    "where": "where",
    "connect": "where",
    "publish": "publish",
    "unpublish": "publish",
    "init": "install",
    "uninstall": "install",
    "backup": "backup",
    "restore": "backup",
    "doctor": "doctor",
}
"""The module of each verb, in the order in which `--help` lists them.

Only the module of the wanted verb is imported: to import all takes longer than most commands.
"""
NODE = "node"
"""The module of the group `node`, whose verbs have modules of their own."""

EPILOG = """\
examples:
  sudo reversi-checker init --gateway gateway.example.org:22    make this machine a gateway
  sudo reversi-checker doctor                                   what is wrong, and how to fix it
  sudo reversi-checker node add office --forward 127.0.0.1:22,banner:SSH-2.0
  reversi-checker status                                        every forward as last seen
  reversi-checker log --follow                                  events as they come
  reversi-checker node move --help                              the options of one command

exit status: 0 ok, 1 some tunnel is not up or you answered no, 2 usage or configuration, \
3 no daemon, 4 state file, 70 bug, 130 interrupted
"""


def modules_for(words: Iterable[str], modules: Mapping[str, str] = VERBS) -> Sequence[str]:
    """Return the modules that declare the verb of this command line, or all modules if its first
    word is not a verb. After `node` come those that declare its verb, or all verbs of `node`.
    """
    ahead = iter(words)
    verb = verb_in(ahead, modules)
    wanted = [modules[verb]] if verb else dict.fromkeys(modules.values())
    below = modules_for(ahead, NODE_VERBS) if NODE in wanted else ()
    return [each for name in wanted for each in (name, *(below if name == NODE else ()))]


def verb_in(ahead: Iterator[str], verbs: Container[str]) -> str:
    """Skip global options; return the next word if it is a verb, else an empty text."""
    for word in ahead:
        if word in verbs:
            return word
        if word == "--home":
            next(ahead, None)
        elif word != "--debug" and not word.startswith("--home="):
            break
    return ""


def build_parser(words: Iterable[str] = ()) -> argparse.ArgumentParser:
    """Return the grammar that these words need, each verb with an example; by default all."""
    parser: argparse.ArgumentParser = Parser(
        prog=PROG,
        description="Test reverse SSH tunnels end to end, and free the ports of those that hang.",
        epilog=EPILOG,
        formatter_class=Help,
        parents=[global_options()],
    )
    parser.add_argument("--version", action="version", version=f"{PROG} {__version__}")
    parser.set_defaults(is_of_root=False, is_registering=False)
    verbs = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    declare(verbs, modules_for(words))
    return parser


def declare(verbs: Verbs, modules: Iterable[str]) -> None:
    """Declare the verbs of these modules; those after `node` are verbs of that group."""
    of_node, group = {*NODE_VERBS.values()}, verbs
    for name in modules:
        if name == NODE:
            group = add_group(verbs)
        else:
            import_module(f"checker.cli.{name}").add_to(group if name in of_node else verbs)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command, and exit with its status.

    Imported modules are never garbage. To collect garbage among them, while they are imported and
    again at the end, costs a seventh of a short command.
    """
    words = sys.argv[1:] if arguments is None else arguments
    gc.disable()
    for name in modules_for(words):
        import_module(f"checker.cli.{name}")
    gc.freeze()
    gc.enable()
    status = run(words)
    gc.freeze()
    sys.exit(status)


def run(arguments: Sequence[str] | None = None) -> ExitCode:
    """Run one command; its exit status."""
    words = sys.argv[1:] if arguments is None else arguments
    parsed = build_parser(words).parse_args(words)
    journal.start_logging(logging.DEBUG if parsed.debug else logging.INFO)
    command: Command = parsed.command
    try:
        layout = find_layout(parsed.home, os.environ)
        if not parsed.is_of_root:
            refuse_outsider(layout)
        if parsed.is_registering:
            refuse_unmade(layout, parsed.home, os.environ)
        return command(parsed, layout)
    except Declined as answer:
        narrate(f"{PROG}: {answer}")
        return ExitCode.DECLINED
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        sys.stdout = None
        return ExitCode.OK
    except Exception as error:  # noqa: BLE001 - the root: any error becomes a sentence and a status
        if parsed.debug:
            journal.write(traceback.format_exc().rstrip(), logging.ERROR)
        journal.write(f"{PROG}: error: {sentence_of(error)}", logging.ERROR)
        return exit_code_of(error)
