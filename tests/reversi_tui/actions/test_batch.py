"""The progress and the summary of a command on many rows."""

from __future__ import annotations

from reversi_tui.actions.batch import SHOWN_FAILURES, SHOWN_NAMES, Batch, Done, summary
from reversi_tui.actions.own_commands import Ran


def well(name: str, output: str = "") -> Done:
    return Done(name=name, ran=Ran(status=0, sentence="it ended", output=output))


def ill(name: str, output: str = "") -> Done:
    return Done(
        name=name, ran=Ran(status=3, sentence="ping ended with exit status 3", output=output)
    )


def test_failures_come_first_with_their_status_and_the_beginning_of_their_output() -> None:
    noise = "\n".join(f"line {number}" for number in range(9))
    batch = Batch(title="Ping", total=3, done=[well("attic", "64 bytes\nmore"), ill("barn", noise)])
    batch.done.append(well("cellar"))

    assert summary(batch).split("\n") == [
        "FAILED barn: ping ended with exit status 3",
        *(f"    line {number}" for number in range(5)),
        "    ... 4 more lines",
        "",
        "ok attic: 64 bytes",
        "ok cellar",
    ]


def test_a_summary_stays_readable_however_many_rows_there_were() -> None:
    total = SHOWN_FAILURES + SHOWN_NAMES + 20
    done = [ill(f"bad{n}", "x" * 5000) for n in range(SHOWN_FAILURES + 10)]
    done += [well(f"good{n}") for n in range(SHOWN_NAMES + 10)]

    lines = summary(Batch(title="Ping", total=total, done=done)).split("\n")

    assert "... 10 more failed" in lines
    assert lines[-1] == "... 10 more are ok"
    assert max(map(len, lines)) < 250


def test_the_title_counts_what_is_done_and_what_failed() -> None:
    batch = Batch(title="Ping", total=4, done=[well("attic"), ill("barn")])

    assert batch.progress() == "Ping: 2 of 4 done, 1 failed"
    batch.is_stopped = True
    assert batch.progress() == "Ping: 2 of 4 done, 1 failed, stopping"
    batch.is_over = True
    assert batch.progress() == ("Ping: exit status 0 on 1 of 4, 1 failed, 2 not started, stopped")


def test_the_outcome_says_when_all_went_well() -> None:
    batch = Batch(title="Ping", total=2, done=[well("attic"), well("barn")], is_over=True)

    assert batch.progress() == "Ping: exit status 0 on all 2"
    assert summary(Batch(title="Ping", total=2)) == "nothing is done yet"
