"""Each step is taken and named; a dry run takes none."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from client.cli import main
from client.service.carry_out import carry_out, rehearse
from client.service.plan import Delete, Plan, Run, ServiceError, Write


@pytest.fixture(autouse=True)
def hang_up() -> Iterator[None]:
    """Later tests get the signal's handler back."""
    before = signal.getsignal(signal.SIGHUP)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    old = tmp_path / "old"
    (old / "inner").mkdir(parents=True)
    link = tmp_path / "link"
    link.symlink_to("nowhere")
    return Plan(
        steps=(
            Write(path=tmp_path / "made/new", text="text\n"),
            Run(words=("false",), must=False),
            Run(words=("true",)),
            Delete(path=old),
            Delete(path=link),
            Delete(path=tmp_path / "gone"),
        ),
        notes=("a note",),
    )


def test_each_step_is_taken_and_named(
    plan: Plan, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    carry_out(plan)

    new = tmp_path / "made/new"
    assert (new.read_text(encoding="utf-8"), new.stat().st_mode & 0o777) == ("text\n", 0o644)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["made", "new"]
    assert capsys.readouterr().out.splitlines() == [
        f"wrote {new}",
        "ran: true",
        f"removed {tmp_path}/old",
        f"removed {tmp_path}/link",
        "a note",
    ]


def test_a_dry_run_takes_none(
    plan: Plan, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rehearse(plan)

    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "old"]
    said = capsys.readouterr().out
    assert f"would write {tmp_path}/made/new:\n\ntext\n" in said
    assert f"would remove {tmp_path}/old\n" in said
    assert "would run: true\n" in said
    assert "gone" not in said


@pytest.mark.parametrize(
    ("step", "says"),
    [
        (Run(words=("sh", "-c", "echo no bus >&2; exit 1")), "failed: no bus"),
        (Run(words=("/nowhere/systemctl",)), "No such file"),
        (Write(path=Path("/proc/none/file"), text=""), "cannot be written"),
        (Delete(path=Path("/proc/self")), "cannot be removed"),
    ],
)
def test_a_step_that_fails_is_named(step: Write | Run | Delete, says: str) -> None:
    with pytest.raises(ServiceError, match=says):
        carry_out(Plan(steps=(step,)))


@pytest.mark.parametrize("text", [None, "node = 5\n", "not TOML"])
def test_install_refuses_a_bad_configuration_in_one_sentence(
    text: str | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "office.toml"
    if text is not None:
        config.write_text(text, encoding="utf-8")

    assert main(["install", "--config", str(config), "--dry-run"]) == 2

    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith(f"reversi-client: error: {config}: ")
    assert said.err.count("\n") == 1
