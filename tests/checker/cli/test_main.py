"""`reversi-checker`: its grammar, its errors as sentences, its exit status."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from checker import __version__
from checker.cli.exit_codes import ExitCode
from checker.cli.main import run
from checker.config.layout import SYSTEM, Layout, is_there
from checker.model import Event, EventKind
from checker.registry.reading import read_registry
from tests.checker.cli.homes import ERROR, MAIN, Run, write_state
from tests.strategies import NOW


def test_the_version_is_printed(checker: Run) -> None:
    assert checker("--version") == (0, f"reversi-checker {__version__}\n", "")


BAD = [
    pytest.param(
        ("status", "nosuch"),
        "there is no node 'nosuch'; see: reversi-checker node list",
        id="unknown node",
    ),
    pytest.param(("node", "show", "nosuch"), "there is no node 'nosuch'", id="show: unknown node"),
    pytest.param(
        ("node", "show", "Ofice"),
        "there is no node 'Ofice'; did you mean 'office'? see: reversi-checker node list",
        id="a mistyped node",
    ),
    pytest.param(("kill", "offce:20010"), "did you mean 'office'?", id="kill: a mistyped node"),
    pytest.param(
        ("status", "off*"),
        "'off*' is a pattern, and this takes names; name each node, or see those that match:"
        " reversi-tui --once --filter node:off",
        id="a pattern",
    ),
    pytest.param(
        ("node", "remove", "Office"),
        "there is no node 'Office'; did you mean 'office'?",
        id="remove: another case",
    ),
    pytest.param(
        (
            "node",
            "add",
            "b",
            "--forward",
            "x:1",
            "--gateway",
            "foo:bar",
            "--client-config",
            "b.toml",
        ),
        "--gateway 'foo:bar' is not HOST:PORT: 'bar' is not a port number; write for example"
        " foo:22",
        id="gateway without a port number",
    ),
    pytest.param(
        ("node", "add", "b", "--forward", "2001:db8::1:22"),
        "(an IPv6 address goes in brackets, as in [2001:db8::1]:22)",
        id="bare IPv6",
    ),
    pytest.param(
        ("node", "remove", "nosuch"), "there is no node 'nosuch'", id="remove: unknown node"
    ),
    pytest.param(("kill", "nosuch:20010"), "there is no node 'nosuch'", id="kill: unknown node"),
    pytest.param(
        ("kill", "office:20099"),
        "node office has no port 20099; see: reversi-checker node show office",
        id="not the node's port",
    ),
    pytest.param(("kill", "20099"), "port 20099 belongs to no node", id="nobody's port"),
    pytest.param(
        ("probe", "99999"),
        "port '99999' is not a port; write a number from 1 to 65535",
        id="no port",
    ),
    pytest.param(
        ("node", "add", "check", "--forward", "127.0.0.1:22"),
        "a word of the protocol",
        id="a node named check",
    ),
    pytest.param(
        ("node", "add", "Of Fice", "--forward", "127.0.0.1:22"),
        "name a node; use 1 to 63",
        id="a name with a space",
    ),
    pytest.param(
        ("node", "add", "../x", "--forward", "127.0.0.1:22"),
        "name a node; use 1 to 63",
        id="a name with a path",
    ),
    pytest.param(
        ("node", "add", "b", "--forward", "127.0.0.1"),
        "target '127.0.0.1' is not HOST:PORT",
        id="forward without port",
    ),
    pytest.param(
        ("node", "add", "b", "--forward", "0=127.0.0.1:22"), "port '0' is not a port", id="port 0"
    ),
    pytest.param(
        ("node", "add", "b", "--forward", "127.0.0.1:22,ftp"),
        "expect 'ftp' is not known; write banner:PREFIX",
        id="expect",
    ),
    pytest.param(
        ("node", "add", "b", "--forward", "127.0.0.1:22", "--deadline", "0"),
        "--deadline 0 is out of bounds",
        id="deadline",
    ),
    pytest.param(
        ("node", "add", "b", "--forward", "127.0.0.1:22", "--deadline", "nan"),
        "--deadline nan is out of bounds",
        id="deadline nan",
    ),
    pytest.param(
        ("node", "add", "b", "--forward", "x:22", "--public-key", "/nowhere/key.pub"),
        "/nowhere/key.pub: cannot be read",
        id="no key file",
    ),
    pytest.param(
        ("node", "add", "b", "--forward", "x:22", "--client-config", "b.toml"),
        "the gateway's address is unknown",
        id="no gateway",
    ),
    pytest.param(("log", "--limit", "0"), "--limit 0 is not a count", id="no events"),
    pytest.param(("up", "--ssh-port", "70000"), "--ssh-port 70000 is not a port", id="sshd's port"),
    pytest.param(("log", "--follow"), "there is no state file", id="follow without state file"),
]


@pytest.mark.parametrize(("words", "says"), BAD)
def test_bad_input_is_one_sentence_and_an_exit_status(
    checker: Run, office: Layout, words: tuple[str, ...], says: str
) -> None:
    code, out, err = checker(*words)

    assert code == (ExitCode.STATE if "--follow" in words else ExitCode.USAGE)
    assert out == ""
    assert err.startswith(ERROR)
    assert says in err
    assert err.count("\n") == 1
    assert list(read_registry(office.nodes).nodes) == ["office"]


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("nosuch",),
        ("status", "--nosuch"),
        ("node",),
        ("node", "add", "x"),
        ("log", "--limit", "many"),
    ],
)
def test_an_invalid_command_line_is_a_usage_error(checker: Run, words: tuple[str, ...]) -> None:
    code, out, err = checker(*words)

    assert (code, out) == (ExitCode.USAGE, "")
    assert ": error: " in err


@pytest.mark.parametrize("words", [("serve",), ("node", "add", "b", "--forward", "x:1")])
def test_an_unknown_configuration_key_is_named_with_its_file_and_the_nearest_key(
    checker: Run, layout: Layout, words: tuple[str, ...]
) -> None:
    layout.config.parent.mkdir(exist_ok=True)
    layout.config.write_text("strike = 3")

    code, out, err = checker(*words)

    assert (code, out) == (ExitCode.USAGE, "")
    assert err == f"{ERROR}{layout.config}: unknown key 'strike'; did you mean 'strikes'?\n"


def test_the_home_may_follow_the_verb(office: Layout, capsys: pytest.CaptureFixture[str]) -> None:
    home = str(office.home)

    assert run(["node", "show", "office", "--home", home, "--json"]) is ExitCode.OK
    assert run(["--home", "/nowhere", "node", "list", "--home", home]) is ExitCode.OK
    assert capsys.readouterr().out.count("office") == 2


def test_a_home_that_is_a_file_is_reported(checker: Run, layout: Layout) -> None:
    assert layout.home is not None
    layout.home.write_text("a file")

    for words in (("serve",), ("node", "list")):
        code, out, err = checker(*words)
        assert (code, out) == (ExitCode.USAGE, ""), words
        assert err.startswith(ERROR)
        assert "a bug in reversi" not in err


def test_a_file_that_cannot_be_used_is_named_and_is_not_a_bug(checker: Run, office: Layout) -> None:
    (office.nodes.parent / "run").mkdir()
    (office.nodes.parent / "run" / "_lock").mkdir()

    code, _, err = checker("serve")

    assert code == ExitCode.USAGE
    assert (
        err == f"{ERROR}cannot use {office.run / '_lock'} (Is a directory); check its permissions"
        " and the disk's free space\n"
    )


LONG = Event(at=NOW, kind=EventKind.HOLD, text="x" * 200)
READING = [
    ("status",),
    ("status", "--json"),
    ("log",),
    ("log", "--json"),
    ("node", "list"),
    ("node", "show", "office"),
]


@pytest.mark.parametrize("words", [*READING, ("probe", "office")], ids=" ".join)
def test_a_missing_gateway_is_reported_by_each_reading_verb(
    checker: Run, layout: Layout, words: tuple[str, ...]
) -> None:
    code, out, err = checker(*words)

    assert (code, out) == (ExitCode.USAGE, "")
    assert err.startswith(f"{ERROR}there is no gateway at {layout.home}; ")
    assert err.endswith(" (if it is elsewhere: --home, or REVERSI_HOME)\n")


@pytest.mark.parametrize("words", [*READING, ("doctor",)], ids=" ".join)
def test_a_full_output_is_an_error_but_not_a_bug(office: Layout, words: tuple[str, ...]) -> None:
    write_state(office, events=[LONG] * 90)

    with Path("/dev/full").open("wb") as full:
        command = [sys.executable, "-c", MAIN, "--home", str(office.home), *words]
        done = subprocess.run(
            command, stdout=full, stderr=subprocess.PIPE, text=True, check=False, timeout=200
        )

    assert done.stderr == f"{ERROR}cannot write to standard output: No space left on device\n"
    assert done.returncode == ExitCode.USAGE


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (KeyboardInterrupt(), ExitCode.INTERRUPTED),
        (RuntimeError("odd"), ExitCode.BUG),
        (subprocess.TimeoutExpired(["ssh-keygen", "-q"], 300), ExitCode.USAGE),
    ],
)
def test_an_unexpected_error_has_an_exit_status(
    error: BaseException,
    code: ExitCode,
    layout: Layout,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fails(*_: object) -> ExitCode:
        raise error

    monkeypatch.setattr("checker.cli.main.find_layout", fails)

    assert run(["--home", str(layout.home), "status"]) is code
    says = {
        ExitCode.INTERRUPTED: "",
        ExitCode.BUG: f"{ERROR}a bug in reversi: RuntimeError('odd'); run it again with --debug",
        ExitCode.USAGE: f"{ERROR}ssh-keygen did not end within 300 s; this machine is overloaded",
    }
    assert capsys.readouterr().err.startswith(says[code])


def test_only_debug_shows_a_traceback(layout: Layout, capsys: pytest.CaptureFixture[str]) -> None:
    run(["--home", str(layout.home), "status", "nosuch"])
    plain = capsys.readouterr().err
    run(["--home", str(layout.home), "--debug", "status", "nosuch"])

    assert "Traceback" not in plain
    assert "Traceback" in capsys.readouterr().err


def test_a_reader_that_goes_away_is_not_an_error(office: Layout) -> None:
    write_state(office, events=[LONG] * 5000)
    words = ["--home", str(office.home), "log", "--limit", "5000"]
    with subprocess.Popen(
        [sys.executable, "-c", MAIN, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        complaint = process.stderr.read()
        code = process.wait(150)

    assert (code, complaint) == (0, b"")


@pytest.mark.parametrize(
    "words",
    [
        ("node", "add", "office", "--forward", "127.0.0.1:22"),
        ("node", "import", "--command", "ssh -N -R 20010:localhost:22 gw"),
        ("enrol", "new", "--forward", "127.0.0.1:22"),
    ],
)
def test_before_init_nothing_is_registered_in_a_place_that_nobody_named(
    words: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if is_there(SYSTEM.config):
        pytest.skip("this machine is a gateway")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))

    assert run(words) == ExitCode.USAGE

    assert "run: sudo reversi-checker init --gateway HOST:22" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
