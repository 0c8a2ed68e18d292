"""The verb `metrics`."""

from __future__ import annotations

import stat
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from checker.cli.exit_codes import ExitCode
from checker.config.layout import Layout
from tests.checker.cli.homes import ERROR, MAIN, UP, Run, write_state
from tests.strategies import free_port

UP_LINE = 'reversi_forward_kills_total{node="office",port="20010"} 0.0\n'


def test_they_are_printed_once(checker: Run, office: Layout) -> None:
    write_state(office, tunnels=[UP])

    code, out, err = checker("metrics")

    assert (code, err) == (ExitCode.OK, "")
    assert UP_LINE in out
    assert "# TYPE reversi_forward_kills_total counter\n" in out
    assert out.endswith("\n")


def test_the_detail_is_chosen(checker: Run, office: Layout) -> None:
    write_state(office, tunnels=[UP])

    assert 'reversi_forward_up{node="office"} ' in checker("metrics", "--per", "node")[1]
    assert "office" not in checker("metrics", "--per", "none")[1]
    assert 'reversi_forward_up{node="office",' in checker("metrics", "--filter", "office")[1]


def test_a_textfile_is_readable_for_all_and_replaced_whole(
    checker: Run, office: Layout, tmp_path: Path
) -> None:
    folder = tmp_path / "textfiles"
    folder.mkdir()
    place = folder / "reversi.prom"

    assert checker("metrics", "--textfile", str(place)) == (ExitCode.OK, "", "")
    first = place.stat()
    assert stat.S_IMODE(first.st_mode) == 0o644
    assert checker("metrics", "--textfile", str(place))[0] == ExitCode.OK

    assert place.stat().st_ino != first.st_ino
    assert 'reversi_forward_up{node="office",port="20010"} 0.0\n' in place.read_text()
    assert list(folder.iterdir()) == [place]
    assert office.nodes.is_dir()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--textfile", "reversi.txt"), "node_exporter reads only files whose name ends in .prom"),
        (("--textfile", "/nowhere/at/all.prom/x.prom"), "there is no such directory"),
        (("--filter", "statos:up"), "statos"),
        (("--listen", "0.0.0.0:9948"), "only an address such as 127.0.0.1 is allowed"),
        (("--listen", "9948"), "--listen '9948' is not HOST:PORT"),
    ],
)
@pytest.mark.usefixtures("office")
def test_what_cannot_work_is_refused(checker: Run, words: tuple[str, ...], sentence: str) -> None:
    code, out, err = checker("metrics", *words)

    assert (code, out) == (ExitCode.USAGE, "")
    assert err.startswith(ERROR)
    assert sentence in err


@pytest.mark.usefixtures("office")
def test_a_filter_that_matches_nothing_says_so(checker: Run) -> None:
    code, out, err = checker("metrics", "--filter", "barn")

    assert (code, out) == (ExitCode.NOT_UP, "")
    assert "barn" in err


def test_without_a_gateway_there_are_no_metrics(checker: Run) -> None:
    code, _, err = checker("metrics")

    assert code == ExitCode.USAGE
    assert "there is no gateway" in err


@pytest.mark.usefixtures("office")
def test_without_the_library_one_sentence_says_how_to_get_it(
    checker: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "prometheus_client", None)

    code, out, err = checker("metrics")

    assert (code, out) == (ExitCode.USAGE, "")
    assert err == (
        f"{ERROR}metrics needs the Python package prometheus_client; run: {sys.executable} -m pip"
        " install prometheus_client\n"
    )


def test_a_damaged_state_file_is_status_4(checker: Run, office: Layout) -> None:
    office.state.write_bytes(b"not a database, and longer than a header" * 40)

    code, out, _ = checker("metrics")

    assert (code, out) == (ExitCode.STATE, "")


def test_they_are_served_until_the_process_is_told_to_end(office: Layout) -> None:
    write_state(office, tunnels=[UP])
    port = free_port()
    words = ["--home", str(office.home), "metrics", "--listen", f"127.0.0.1:{port}"]

    with subprocess.Popen(
        [sys.executable, "-c", MAIN, *words], stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stderr is not None
            url = f"http://127.0.0.1:{port}/metrics"
            assert process.stderr.readline() == f"serving {url}\n"
            with urllib.request.urlopen(url, timeout=200) as answer:
                assert UP_LINE in answer.read().decode()
        finally:
            process.terminate()
