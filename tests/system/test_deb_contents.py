"""What is in the package: lintian's judgement, man pages, completions, and what purge knows."""

from __future__ import annotations

import argparse
import re
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from checker.cli.main import build_parser
from checker.install.extra_drop_ins import EXTRAS
from checker.install.places import CONFIG, FILES
from checker.install.units import packaged_texts
from client.cli import parser as client_parser
from reversi_tui.__main__ import parser as tui_parser
from tests.programs import require, run_program
from tests.system.debs import CHECKOUT, Debs

OVERRIDES = CHECKOUT / "packaging/lintian-overrides"
COMPLETIONS = {
    "bash": "bash-completion/completions/{}",
    "zsh": "zsh/vendor-completions/_{}",
    "fish": "fish/vendor_completions.d/{}.fish",
}
BASH = """
source "$1"
words=()
for word in $2; do words+=("$word"); done
case $2 in *' ') words+=('') ;; esac
COMP_WORDS=("${words[@]}")
COMP_CWORD=$((${#words[@]} - 1))
name=${words[0]//-/_}
"_shtab_$name" 2>/dev/null
printf '%s\\n' "${COMPREPLY[@]}"
"""
FISH = 'source $argv[1]; complete -C $argv[2] | string replace -r "\\t.*" ""'
ZSH = r"""
zmodload zsh/zpty
zpty z zsh -f -i
zpty -w z "PROMPT=; fpath=(${1:h} \$fpath); autoload -Uz compinit; compinit -u -d $REVERSI_HOME/dump
compadd() {
    local -a hits
    [[ \${@[1,(i)(-|--)]} != *-(O|A|D)* ]] || { builtin compadd \"\$@\"; return }
    builtin compadd -A hits \"\$@\"
    (( ! \$#hits )) || print -rl -- '' '<'\$^hits'>'
    builtin compadd \"\$@\"
}
tell() { zle list-choices; print D''ONE }
zle -N tell
bindkey '^I' tell
print RE''ADY"
zpty -r -m z seen '*READY*'
zpty -w -n z "$2"$'\t'
zpty -r -m z seen '*DONE*'
zpty -d z
print -r -- "$seen"
"""


def verbs(parser: argparse.ArgumentParser) -> Iterator[str]:
    """Every command with all its words, as a user types it."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for deeper in action.choices.values():
                yield deeper.prog
                yield from verbs(deeper)


ALL_VERBS = [*verbs(build_parser()), *verbs(client_parser())]


def offered(shell: str, tree: Path, line: str, folder: Path, home: Path) -> list[str]:
    """What the shell completes the line to; it must not start Python for that."""
    require(shell)
    started = home / "python-started"
    for name in ("python3", "python"):
        (home / name).write_text(f"#!/bin/sh\n: >{started}\n")
        (home / name).chmod(0o755)
    words = {
        "bash": ["bash", "--norc", "-c", BASH, "bash"],
        "fish": ["fish", "--no-config", "-c", FISH],
        "zsh": ["zsh", "-f", "-c", ZSH, "zsh"],
    }[shell]
    file = tree / "usr/share" / COMPLETIONS[shell].format(line.split(maxsplit=1)[0])
    path = {"PATH": f"{home}:/usr/bin:/bin", "HOME": str(folder)}
    said = run_program(
        [*words, str(file), line],
        cwd=folder,
        env={**path, "REVERSI_HOME": str(home), "TERM": "dumb"},
    ).stdout
    assert not started.exists()
    found = re.findall(r"^<(.*)>\r?$", said, re.MULTILINE) if shell == "zsh" else said.split("\n")
    return sorted({one.rstrip("/").replace("\\ ", " ") for one in found if one})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the user is: a file, and a directory with a space in its name."""
    made = tmp_path / "here"
    (made / "a site").mkdir(parents=True)
    (made / "nodes.csv").touch()
    return made


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A gateway's directory, with two nodes and an enrolment, beside one with another node."""
    made = tmp_path / "home"
    for name in ("nodes/office", "nodes/roof-1", "enrolments/spring", "../other/nodes/barn"):
        (made / name).parent.mkdir(parents=True, exist_ok=True)
        (made / f"{name}.toml").touch()
    return made


@pytest.mark.parametrize("shell", COMPLETIONS)
def test_a_shell_completes_verbs_nodes_and_files(
    shell: str, debs: Debs, folder: Path, home: Path
) -> None:
    wanted = {
        "reversi-checker unm": ["unmute"],
        "reversi-checker node show ": ["office", "roof-1"],
        "reversi-checker kill r": ["roof-1"],
        "reversi-checker node import ": ["a site", "nodes.csv"],
        "reversi-checker --home ../other node show ": ["barn"],
        "reversi-checker enrol end ": ["spring"],
        "reversi-client build o": ["office"],
        "reversi-client build office --output-dir ": ["a site"],
        "reversi-tui --the": ["--theme"],
    }

    assert {line: offered(shell, debs.tree, line, folder, home) for line in wanted} == wanted


@pytest.mark.parametrize("shell", COMPLETIONS)
def test_completions_know_every_verb(shell: str, debs: Debs) -> None:
    files = (debs.tree / "usr/share").glob(COMPLETIONS[shell].format("reversi-*"))
    text = "\n".join(file.read_text(encoding="utf-8") for file in files)

    missing = [verb for verb in ALL_VERBS if not re.search(rf"\b{verb.split()[-1]}\b", text)]
    assert missing == []


def test_the_man_pages_have_every_verb_and_option(debs: Debs) -> None:
    require("man")
    for parser in (build_parser(), client_parser(), tui_parser()):
        page = debs.tree / f"usr/share/man/man1/{parser.prog}.1.gz"
        done = subprocess.run(
            ["man", "--warnings", "--local-file", page],
            env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "MANWIDTH": "300"},
            capture_output=True,
            text=True,
            check=True,
        )
        shown = " ".join(done.stdout.split())
        assert done.stderr == ""
        assert [verb for verb in (parser.prog, *verbs(parser)) if verb not in shown] == []
        options = {one for word in shown.split() for one in re.findall(r"^\[?(--[a-z-]+)", word)}
        assert set(long_options(parser)) - options <= {"--help"}


def long_options(parser: argparse.ArgumentParser) -> Iterator[str]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for deeper in action.choices.values():
                yield from long_options(deeper)
        elif action.help != argparse.SUPPRESS:
            yield from (name for name in action.option_strings if name.startswith("--"))


@pytest.mark.timeout(1000)
def test_lintian_finds_only_what_is_listed_with_a_reason(debs: Debs) -> None:
    require("lintian")
    done = run_program(
        ["lintian", "--allow-root", "--show-overrides", "--tag-display-limit", "0", debs.present],
        timeout=900,  # a minute of one core, which it may have to share
    )
    found = re.findall(r"^(\w): reversi-ssh: (\S+)", done.stdout, re.MULTILINE)
    listed = re.findall(r"^reversi-ssh: (\S+)", OVERRIDES.read_text(encoding="utf-8"), re.MULTILINE)

    assert [line for line in done.stdout.splitlines() if line[:1] not in "ON"] == []
    assert {tag for kind, tag in found if kind == "O"} == set(listed), "a listed one is gone"


def test_purge_knows_each_file_that_init_may_write(debs: Debs) -> None:
    script = (debs.tree / "DEBIAN/postrm").read_text(encoding="utf-8")
    expanded = script.replace("$sshd", "/etc/ssh/sshd_config.d")

    outside = [path for path in (*FILES, *EXTRAS) if not path.is_relative_to(CONFIG)]
    assert [str(path) for path in outside if str(path) not in expanded] == []


def test_the_source_distribution_has_every_file_of_the_checkout(debs: Debs) -> None:
    listed = run_program(["git", "ls-files"], cwd=CHECKOUT)
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    with tarfile.open(debs.source) as archive:
        packed = {name.partition("/")[2] for name in archive.getnames()}

    assert set(listed.stdout.splitlines()) <= packed


OTHER_UNIT = "[Service]\nExecStart=/opt/reversi/bin/python -I -m checker serve\n"


def run_script(tree: Path, etc: Path, name: str, *arguments: str) -> str:
    """Run a script of the package, with another /etc; return what it prints."""
    text = (tree / "DEBIAN" / name).read_text(encoding="utf-8").replace("/etc/", f"{etc}/")
    words = ["sh", "-c", text, name, *arguments]
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout


@pytest.mark.parametrize(
    ("script", "arguments", "says"),
    [
        pytest.param("postinst", ("configure", ""), "was not touched", id="install"),
        pytest.param("postinst", ("configure", "0.1-1"), "was not touched", id="upgrade"),
        pytest.param("prerm", ("upgrade", "0.1-1"), "", id="before an upgrade"),
        pytest.param("postrm", ("purge",), "and stays", id="purge"),
    ],
)
def test_a_gateway_of_another_installation_is_left_alone(
    script: str, arguments: tuple[str, ...], says: str, debs: Debs, tmp_path: Path
) -> None:
    unit = tmp_path / "systemd/system/reversi-checker.service"
    list_of_files = tmp_path / "reversi/.installed.json"
    for file, text in ((unit, OTHER_UNIT), (list_of_files, f'"{unit}"\n')):
        file.parent.mkdir(parents=True)
        file.write_text(text)

    said = run_script(debs.tree, tmp_path, script, *arguments)

    assert says in said
    assert bool(said) == bool(says)
    assert unit.read_text() == OTHER_UNIT
    assert list_of_files.exists()


@pytest.mark.parametrize("script", ["postinst", "prerm"])
@pytest.mark.parametrize(
    ("unit", "files", "ours"),
    [
        pytest.param("", '"files": {\n    "/etc/x": "1"\n  }', True, id="of-the-package"),
        pytest.param("/dev/null", '"files": {\n    "/etc/x": "1"\n  }', True, id="masked"),
        pytest.param("ExecStart=/usr/lib/reversi/bin/python3", '"files": {}', True, id="copied"),
        pytest.param("ExecStart=/opt/reversi/bin/python3", '"files": {\n  }', False, id="other"),
        pytest.param("", '"files": {\n    "UNIT": "1"\n  }', False, id="lost"),
        pytest.param("", '"files": {}', False, id="uninstalled"),
    ],
)
def test_the_scripts_know_the_gateway_of_their_package(
    script: str, unit: str, files: str, ours: bool, debs: Debs, tmp_path: Path
) -> None:
    place = tmp_path / "systemd/system/reversi-checker.service"
    for file in (place, tmp_path / "reversi/.installed.json"):
        file.parent.mkdir(parents=True)
    text = '{\n  "schema": 1,\n  ' + files.replace("UNIT", str(place)) + "\n}\n"
    (tmp_path / "reversi/.installed.json").write_text(text)
    if unit.startswith("/"):
        place.symlink_to(unit)
    elif unit:
        place.write_text(f"{unit}\n")

    text = (debs.tree / "DEBIAN" / script).read_text(encoding="utf-8")
    asked = f"{text}\nruns_this".replace("/etc/", f"{tmp_path}/")
    done = subprocess.run(["sh", "-c", asked, script, "ask"], capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (int(not ours), b"", b"")


def test_a_new_package_names_the_command_that_makes_a_gateway(debs: Debs, tmp_path: Path) -> None:
    said = run_script(debs.tree, tmp_path, "postinst", "configure", "")

    assert said.endswith(": sudo reversi-checker init --gateway HOST:22\n")
    assert run_script(debs.tree, tmp_path, "postrm", "purge") == ""


def test_the_package_ships_its_units_and_asks_before_it_replaces_their_options(
    debs: Debs,
) -> None:
    shipped = packaged_texts("/usr/lib/reversi/bin/python3")
    listed = (debs.tree / "DEBIAN/conffiles").read_text(encoding="utf-8").splitlines()

    units = debs.tree / "usr/lib/systemd/system"
    assert {file.name: file.read_bytes() for file in units.iterdir()} == shipped
    read = {
        f"/etc/default/{name}"
        for content in shipped.values()
        for name in re.findall(r"EnvironmentFile=-/etc/default/(\S+)", content.decode())
    }
    files = [file for file in (debs.tree / "etc").rglob("*") if not file.is_dir()]
    packed = {f"/{file.relative_to(debs.tree)}" for file in files}
    assert set(listed) == read == packed
    for name in listed:
        text = (debs.tree / name[1:]).read_text(encoding="utf-8")
        assert re.fullmatch(r'(#.*\n)+ARGS=""\n', text), name


def test_everybody_can_read_the_package(debs: Debs) -> None:
    for path in (debs.tree / "usr").rglob("*"):
        mode = path.lstat().st_mode
        assert path.is_symlink() or mode & 0o444 == 0o444, path
        assert path.is_symlink() or not mode & 0o022, path
        assert not path.is_dir() or mode & 0o555 == 0o555, path
    assert (debs.tree / "usr/lib/reversi/bin/python3").readlink() == Path("../../../bin/python3")
    assert {place.name for place in debs.tree.iterdir()} == {"usr", "etc", "DEBIAN"}
