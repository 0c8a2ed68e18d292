"""The two-minute tour of the keys: each step is pressed in the real console, and its picture stands
in docs/tour.md.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Keys, and what they show."""

    name: str
    title: str
    keys: tuple[str, ...]
    text: str
    awaited: str = ""
    size: tuple[int, int] = (110, 18)


STEPS = (
    Step(
        name="1-table",
        title="Look",
        keys=("down", "down"),
        text=(
            "Every forward has a row, every status a sign and a word. The lines at the top tell how"
            " the gateway does, and how many rows of each status there are. `w` shows more columns,"
            " `c` lets you choose them, `g` folds a node's forwards into one row."
        ),
    ),
    Step(
        name="2-faults",
        title="Only what is wrong",
        keys=("f", "o"),
        awaited="Sort by",
        text=(
            "`f` leaves only what is not up, or what is too old to be believed; `f` again, or"
            " escape, shows all. `o` chooses the column to sort by (`>` and `<` take the next and"
            " the one before, `O` turns the order round)."
        ),
    ),
    Step(
        name="3-filter",
        title="Find",
        keys=("slash", *"!status:up port:<20014"),
        text=(
            '`/` filters while you type: `text`, `!text`, `column:text`, `"two words"`, and'
            " numbers, as in `latency:>200`, `flaps:>0`, `since:<1h`. Enter keeps the filter,"
            " escape clears it, the up arrow brings earlier ones back. `j` jumps to a node by its"
            " name."
        ),
    ),
    Step(
        name="4-detail",
        title="Know",
        keys=("down", "down", "enter"),
        awaited="worst day",
        size=(110, 46),
        text=(
            "Enter opens everything that is known of a row: what the last probe met, who holds the"
            " port, the last 24 hours, the last 30 days, the command that logs in to the node, and"
            " the last events."
        ),
    ),
    Step(
        name="5-kill",
        title="Kill one",
        keys=("down", "down", "k"),
        awaited="Cancel",
        text=(
            "`k` kills the sshd process that holds the port, `r` resets: it also forgets strikes"
            " and flaps, and calls the node back at once. Both name the target and ask; Cancel has"
            " the focus. After yes, the process must still be the one that you saw, down to its"
            " start time, or nothing is done. `p` probes at once, and asks nothing."
        ),
    ),
    Step(
        name="6-many",
        title="Act on many",
        keys=("slash", *"status:", "enter", "a", "r"),
        awaited="to go on",
        size=(110, 24),
        text=(
            "Space marks a row, `a` marks all that the filter shows; then keys act on all that is"
            " marked. Of more than five targets the count must be typed. `d` disables a node (its"
            " tunnel is ended, its key opens nothing), `e` enables it again."
        ),
    ),
    Step(
        name="7-log",
        title="See what you did",
        keys=("p", "l"),
        awaited="probe done",
        text=(
            "`l` shows what this console did, each act with its outcome; `L` shows all of it. The"
            " same stands in the gateway's own events, with your name: `reversi-checker log`."
        ),
    ),
    Step(
        name="8-new",
        title="Add a node",
        keys=("n", *"shed", "tab", *"127.0.0.1:22,banner"),
        awaited="is not known",
        size=(110, 24),
        text=(
            "`n` opens the form for a new node; what is wrong stands below its field. `b` builds"
            " the script that installs a node's tunnel on its device."
        ),
    ),
    Step(
        name="9-pause",
        title="Hold still",
        keys=("z",),
        awaited="PAUSED",
        text=(
            "`z` holds the table still while you read, and says what waits. `s` opens a shell on"
            " the node through its tunnel and comes back afterwards; `y` copies that command. `x`"
            " runs one of your own commands, `t` changes the colours, `:` finds any action by its"
            " name, `?` tells all keys, `q` leaves; no tunnel is touched."
        ),
    ),
)


def tour_text() -> str:
    """The page that shows the steps."""
    parts = [
        (
            "# The console in two minutes\n\nEach picture is the console itself, after the keys"
            " below it were pressed.\n"
        ),
    ]
    for step in STEPS:
        keys = " ".join(f"`{key}`" for key in told(step.keys))
        parts.append(
            f"## {step.title}\n\n![{step.title}](tour/{step.name}.svg)\n\nPressed:"
            f" {keys}\n\n{step.text}\n"
        )
    return "\n".join(parts)


def told(keys: tuple[str, ...]) -> list[str]:
    """Keys as words, those of a text together."""
    words: list[str] = []
    typing = False
    for key in keys:
        if typing and len(key) == 1:
            words[-1] += key
            continue
        words.append({"slash": "/"}.get(key, key))
        typing = key in ("slash", "tab", "n")
        if typing:
            words.append("")
    return [word for word in words if word]
