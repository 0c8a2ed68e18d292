"""`./run` before it is set up: help, usage errors, and missing programs."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.programs import require, run_program

RUN = Path(__file__).parents[3] / "run"
TOOLS = ("cat", "cksum", "dirname", "env", "printf", "sed", "sh", "xargs")
SHELLS = [["dash"], ["busybox", "ash"], ["bash", "--posix"]]

pytestmark = pytest.mark.shell


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A directory for PATH with few programs; a test adds its own `id`."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for tool in TOOLS:
        found = shutil.which(tool)
        assert found is not None
        (folder / tool).symlink_to(found)
    return folder


def program(folder: Path, name: str, body: str) -> None:
    path = folder / name
    path.unlink(missing_ok=True)  # it may be a link to a real one
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


def run(
    *arguments: str, path: str, venv: Path, shell: tuple[str, ...] = ("/bin/sh",), **more: str
) -> subprocess.CompletedProcess[str]:
    return run_program(
        [*shell, str(RUN), *arguments],
        env={"PATH": path, "REVERSI_VENV": str(venv), "PYTHONDONTWRITEBYTECODE": "1", **more},
    )


@pytest.mark.parametrize("shell", SHELLS, ids=lambda shell: shell[0])
def test_help_names_every_command(shell: list[str], tmp_path: Path) -> None:
    require(shell[0])

    done = run(
        "help",
        path="/usr/bin:/bin",
        venv=tmp_path / "venv",
        shell=(shutil.which(shell[0]) or "", *shell[1:]),
    )

    assert done.returncode == 0
    assert all(
        f"  {command}" in done.stdout
        for command in ("demo", "test", "coverage", "pytest", "lint", "bench")
    )
    assert not done.stderr


@pytest.mark.parametrize("arguments", [(), ("tset",)], ids=["none", "unknown"])
def test_other_commands_are_refused_with_the_help(
    arguments: tuple[str, ...], tmp_path: Path
) -> None:
    done = run(*arguments, path="/usr/bin:/bin", venv=tmp_path / "venv")

    assert done.returncode == 2
    assert "usage: ./run" in done.stderr
    assert not done.stdout


@pytest.mark.parametrize("shell", SHELLS, ids=lambda shell: shell[0])
def test_an_ordinary_user_is_told_each_missing_package_once(
    shell: list[str], bare: Path, tmp_path: Path
) -> None:
    require(shell[0])
    program(bare, "id", "echo 1000")

    done = run(
        "test",
        path=str(bare),
        venv=tmp_path / "venv",
        shell=(shutil.which(shell[0]) or "", *shell[1:]),
    )

    assert done.returncode == 2
    for package in ("openssh-client", "openssl", "shellcheck", "tmux", "busybox"):
        line = f"run: {package} is missing; install it with: sudo apt-get install {package}"
        assert done.stderr.splitlines().count(line) == 1, done.stderr
    assert not (tmp_path / "venv").exists()


def test_root_is_told_if_apt_fails(bare: Path, tmp_path: Path) -> None:
    program(bare, "id", "echo 0")
    program(bare, "apt-get", f'echo "$*" >>{tmp_path}/asked; exit 100')

    done = run("demo", path=str(bare), venv=tmp_path / "venv")

    assert done.returncode == 2
    assert "apt-get could not install:" in done.stderr
    assert "openssh-client" in done.stderr
    assert (tmp_path / "asked").read_text() == "-qq update\n"
    assert not (tmp_path / "venv").exists()


@pytest.fixture
def venv(bare: Path, tmp_path: Path) -> Path:
    """A ready environment whose programs print their names and arguments.

    The machine has nothing else, and the user is root.
    """
    made = tmp_path / "venv"
    (made / "bin").mkdir(parents=True)
    for name in ("pytest", "ruff", "mypy", "lint-imports"):
        program(made / "bin", name, f'echo "{name} $*"')
    program(made / "bin", "python", "")
    wanted = subprocess.run(
        "cat pyproject.toml constraints.txt bin/* | cksum",
        shell=True,
        cwd=RUN.parent,
        capture_output=True,
        text=True,
        check=True,
    )
    (made / "reversi.stamp").write_text(f"{RUN.parent} {wanted.stdout}")
    program(bare, "id", "echo 0")
    program(bare, "apt-get", "echo apt-get; exit 100")
    return made


@pytest.mark.parametrize("shell", SHELLS, ids=lambda shell: shell[0])
def test_pytest_runs_tests_at_once(shell: list[str], bare: Path, venv: Path) -> None:
    require(shell[0])

    done = run(
        "pytest",
        "tests/client",
        "-k",
        "two words",
        path=str(bare),
        venv=venv,
        shell=(shutil.which(shell[0]) or "", *shell[1:]),
    )

    assert (done.returncode, done.stdout, done.stderr) == (
        0,
        "pytest tests/client -k two words\n",
        "",
    )


def test_an_environment_with_the_old_name_gets_the_new_one(bare: Path, venv: Path) -> None:
    (venv / "lib/python3.11/site-packages/reversi-0.1.0.dist-info").mkdir(parents=True)
    (venv / "reversi.stamp").unlink()
    program(venv / "bin", "python", 'echo "python $*"')

    done = run("pytest", path=str(bare), venv=venv)

    said = [line for line in done.stdout.splitlines() if " pip " in line]
    assert "pip uninstall" in said[0]
    assert said[0].endswith(" reversi")
    assert [" install " in line for line in said] == [False, True, True, True]
    assert [" --target " in line for line in said] == [False, False, False, True]  # not in the venv


def test_python_may_keep_what_it_compiles(bare: Path, venv: Path) -> None:
    program(venv / "bin", "pytest", 'echo "${PYTHONDONTWRITEBYTECODE-kept}"')

    assert run("pytest", path=str(bare), venv=venv).stdout == "kept\n"


def test_lint_runs_the_steps_that_are_named(bare: Path, venv: Path) -> None:
    program(bare, "shellcheck", "echo shellcheck")

    done = run("lint", "types", "ruff", path=str(bare), venv=venv)

    assert (done.returncode, done.stdout.splitlines()) == (0, ["mypy ", "ruff check ."])
    assert done.stderr == "run: types\nrun: ruff\n"


def test_lint_stops_at_the_first_step_that_fails(bare: Path, venv: Path) -> None:
    program(bare, "shellcheck", "echo shellcheck")
    program(venv / "bin", "ruff", '[ "$1" = format ]')

    done = run("lint", path=str(bare), venv=venv)

    assert (done.returncode, done.stdout, done.stderr) == (1, "", "run: format\nrun: ruff\n")


def test_an_unknown_step_of_lint_is_refused(bare: Path, venv: Path) -> None:
    program(bare, "shellcheck", "echo shellcheck")

    assert run("lint", "tpyes", path=str(bare), venv=venv).returncode == 2


@pytest.fixture
def whole(bare: Path, venv: Path) -> Path:
    """The environment, on a machine that has every program."""
    for name in set(re.findall(r"\bneed ([a-z-]+) [a-z]", RUN.read_text())) | {"find"}:
        program(bare, name, "")
    for tool in ("awk", "chmod", "mkdir", "mktemp", "rm"):
        found = shutil.which(tool)
        assert found is not None
        (bare / tool).symlink_to(found)
    program(
        venv / "bin",
        "coverage",
        """case $1 in
run) shift 2 && exec "$@" ;;
report) printf '%s\\n' 'a.py 10 9 10%' 'b.py 10 1 90%' "TOTAL 20 10 50% $COVERAGE_FILE" ;;
esac""",
    )
    return venv


def test_coverage_is_measured_in_each_part_and_ends_with_the_table(bare: Path, whole: Path) -> None:
    program(whole / "bin", "pytest", 'cd "${COVERAGE_FILE%/*}" && echo measured')

    done = run("coverage", path=str(bare), venv=whole)

    lines = done.stdout.splitlines()
    assert done.returncode == 0
    assert "run: passed: measured tests/client" in done.stderr.splitlines()
    assert set(lines[:-2]) == {"measured"}
    assert lines[-2] == "a.py 10 9 10%"
    assert re.fullmatch(r"TOTAL 20 10 50% /\S+/data", lines[-1])
    assert not Path(lines[-1].split()[-1]).parent.exists()


def test_coverage_is_of_the_tests_of_checker_and_client(bare: Path, whole: Path) -> None:
    program(whole / "bin", "pytest", 'for one; do echo "part $one"; done')

    done = run("coverage", path=str(bare), venv=whole)

    both = files_in(RUN.parent / "tests/checker") + files_in(RUN.parent / "tests/client")
    assert files_said(done.stdout) == sorted(both)


@pytest.mark.parametrize(
    ("command", "part"),
    [
        ("test", "beside tests/reversi_tui/console/test_[a-b]*.py"),
        ("coverage", "measured tests/client"),
    ],
)
def test_a_part_that_fails_fails_the_suite_and_the_others_still_run(
    command: str, part: str, bare: Path, whole: Path
) -> None:
    program(
        whole / "bin",
        "pytest",
        'case "$*" in *tests/reversi_tui/con*|*tests/client*) exit 1 ;; esac',
    )

    done = run(command, path=str(bare), venv=whole)

    assert done.returncode == 1
    assert f"run: failed: {part}" in done.stderr
    assert f"run: passed: {part.split(maxsplit=1)[0]} tests/checker/[d-q]*/" in done.stderr
    assert ("TOTAL 20 10 50%" in done.stdout) is (command == "coverage")


def test_each_test_of_the_checkout_is_in_one_part(bare: Path, whole: Path) -> None:
    program(whole / "bin", "pytest", 'for one; do echo "part $one"; done')

    done = run("test", path=str(bare), venv=whole)

    assert files_said(done.stdout) == files_in(RUN.parent / "tests")


def files_said(said: str) -> list[Path]:
    places = re.findall(r"^part (tests\S+)$", said, re.MULTILINE)
    return sorted(file for place in places for file in files_in(RUN.parent / place))


def files_in(place: Path) -> list[Path]:
    return sorted(place.rglob("test_*.py")) if place.is_dir() else [place]


@pytest.mark.parametrize("chosen", [(), ("tests/client",)], ids=["all", "some"])
def test_tests_are_not_measured_unless_that_was_asked_for(
    chosen: tuple[str, ...], bare: Path, whole: Path
) -> None:
    program(whole / "bin", "pytest", 'echo "data=${COVERAGE_FILE-none}"')

    done = run("test", *chosen, path=str(bare), venv=whole)

    assert done.returncode == 0
    assert set(re.findall("data=.*", done.stdout)) == {"data=none"}


def test_the_tests_write_into_memory_if_root_may_mount_there(
    bare: Path, whole: Path, tmp_path: Path
) -> None:
    program(bare, "mount", f'echo "$*" >>{tmp_path}/done')
    program(bare, "umount", f'echo "un $*" >>{tmp_path}/done')
    program(bare, "awk", "echo 4")  # GB that are free
    program(whole / "bin", "pytest", 'echo "in $TMPDIR"')

    done = run("test", path=str(bare), venv=whole)

    (place,) = set(re.findall(r"^in (.+)$", done.stdout, re.MULTILINE))
    assert (tmp_path / "done").read_text().splitlines() == [
        f"-t tmpfs -o mode=1777 tmpfs {place}",
        f"un -l {place}",
    ]
    assert not Path(place).exists()


@pytest.mark.parametrize(("free", "mount"), [(3, "exit 0"), (4, "exit 32")])
def test_without_much_memory_or_the_right_to_mount_they_write_as_usual(
    free: int, mount: str, bare: Path, whole: Path
) -> None:
    program(bare, "mount", mount)
    program(bare, "umount", "echo unmounted")
    program(bare, "awk", f"echo {free}")
    program(whole / "bin", "pytest", 'echo "in ${TMPDIR-the usual place}"')

    done = run("test", path=str(bare), venv=whole)

    assert done.returncode == 0
    assert set(re.findall(r"^in (.+)$", done.stdout, re.MULTILINE)) == {"the usual place"}
    assert "unmounted" not in done.stdout


def test_mypy_writes_no_cache_that_nobody_reads(bare: Path, whole: Path) -> None:
    done = run("test", path=str(bare), venv=whole, CI="true")

    assert "mypy --cache-dir=/dev/null" in done.stdout.splitlines()
