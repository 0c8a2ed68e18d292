"""The two-minute tour of the keys: the steps pressed in the real console for docs/tour.md."""

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
    sweeps: int = 0
    """How many sweeps the console has seen before."""


STEPS = (
    Step(
        name="1-table",
        title="Look",
        keys=("down", "down"),
        text=(
            "Every forward has a row, the worst on top, and every status a sign and a word. The"
            " lines at the top show the state of the gateway, and how many rows have each status."
            " `w` shows more columns, `c` lets you choose them, `g` folds a node's forwards into"
            " one row."
        ),
    ),
    Step(
        name="2-faults",
        title="Only what is wrong",
        keys=("f", "o"),
        awaited="Sort by",
        text=(
            "`f` shows only rows that are not up, or whose last probe is too old; `f` again, or"
            " escape, shows all. `o` chooses the column to sort by (`>` and `<` choose the next"
            " and the previous one, `O` reverses the order)."
        ),
    ),
    Step(
        name="3-filter",
        title="Find",
        keys=("slash", *"!status:up port:<20014"),
        text=(
            '`/` filters while you type: `text`, `!text`, `column:text`, `"two words"`, and'
            " numbers, as in `latency:>200`, `flaps:>0`, `since:<1h`. The line below explains each"
            " word. Enter keeps the filter, escape clears it, the up arrow brings back earlier"
            " ones. `j` jumps to a node by its name."
        ),
    ),
    Step(
        name="3-complete",
        title="Let it complete",
        keys=("slash", *"st", "tab", "tab"),
        awaited="tab down foreign",
        text=(
            "Tab, or the right arrow, completes columns (`st` to `status:`) and then values that"
            " occur in the table, also in the event log (`kind:`, `actor:`, `at:`). If there are"
            " several, tab takes the next one, and shift+tab the one before. Where there is nothing"
            " to complete, tab keeps the filter and leaves."
        ),
    ),
    Step(
        name="4-detail",
        title="Know",
        keys=("enter",),
        awaited="worst day",
        size=(110, 52),
        text=(
            "Enter opens the sheet of a row: what the last probe found, who holds the port, its"
            " settings and failures, the last 24 hours and 30 days, and the last events. `1` to `5`"
            " turn its tabs, `[` and `]` go to the row before and after, and keys such as `k` and"
            " `s` act on the sheet's row. From 160 columns `\\` shows the sheet beside the table."
        ),
    ),
    Step(
        name="5-kill",
        title="Kill one",
        keys=("k",),
        awaited="Cancel",
        text=(
            "`k` kills the sshd process that holds the port. `r` resets: it also forgets"
            " strikes and flaps, and calls the node back at once. Both name the target and ask;"
            " Cancel has the focus. After yes, the process must still be the one that you saw,"
            " with the same start time, or nothing is done. `p` probes at once, without asking."
        ),
    ),
    Step(
        name="6-many",
        title="Act on many",
        keys=("slash", *"status:", "enter", "a", "r"),
        awaited="to continue",
        size=(110, 24),
        text=(
            "Space marks a row, `a` marks all rows that the filter shows; then keys act on all"
            " marked rows. For more than five targets, or to end a tunnel that is up, type the"
            " count. `d` disables a node (ends its tunnel; its key opens nothing) and takes a"
            " reason, `e` enables it again."
        ),
    ),
    Step(
        name="7-log",
        title="See what you did",
        keys=("p", "l"),
        awaited="up: SSH",
        text=(
            "`l` shows what this console did, each action with its outcome. The gateway's own"
            " events have the same, with your name."
        ),
    ),
    Step(
        name="7-events",
        title="See what happened",
        keys=("v",),
        awaited="following",
        text=(
            "`v` opens the event log and follows it: `2` shows kills, `3` refusals, `4` what people"
            " did, `5` all that this console did. `/` filters, as in `kind:kill at:<1d`; enter goes"
            " to the event's row, `w` writes what is shown to a file. `E` on a row opens the log of"
            " its node. `reversi-checker log` takes the same filters. A line above the keys names"
            " what colleagues do and what is lost meanwhile: `op2 killed barn 24003`, `+4 down,"
            " all from 203.0.113.0/24`; `i` goes there."
        ),
    ),
    Step(
        name="8-new",
        title="Add a node",
        keys=("n", *"shed", "tab", *"127.0.0.1:22,banner"),
        awaited="is not known",
        size=(110, 24),
        text=(
            "`n` opens the form for a new node; errors appear below their field. `b` builds the"
            " script that installs a node's tunnel on its device. `m` changes the node: target,"
            " name, key, expiry, public port; it asks with what the command's `--dry-run` says."
        ),
    ),
    Step(
        name="9-pause",
        title="Freeze the display",
        keys=("z",),
        awaited="PAUSED",
        text=(
            "`z` freezes the table while you read, and says how much has changed meanwhile. `s`"
            " opens a shell on the node through its tunnel and comes back afterwards, `S` as a"
            " user you name; `y` shows the commands that reach the node, and enter copies one. `x`"
            " runs one of your own commands, `t` changes the colours, `:` finds any action by its"
            " name, `?` lists all keys, `q` quits; it touches no tunnel."
        ),
    ),
    Step(
        name="10-views",
        title="See what you look for",
        keys=("6",),
        awaited="versions",
        text=(
            "A digit shows a view: `1` all rows, `2` the faults with the worst first, `3` what"
            " flaps, `4` what is slow, `5` what is out on purpose, `6` the devices' programs by"
            " version. `V` saves what you see now as a view of your own. `W` writes the rows to a"
            " file (csv, json, md, svg), `Y` copies them as a table."
        ),
    ),
    Step(
        name="11-counts",
        title="Count",
        keys=("number_sign", "right"),
        awaited="by status",
        text=(
            "`#` counts the rows by tag, the worst on top; the arrows count by another column."
            " Enter shows just those rows, space marks them. After a kill or a reset, `F` shows"
            " just its targets, and when each is up again."
        ),
    ),
    Step(
        name="12-uptime",
        title="How the week went",
        keys=("u",),
        awaited="Uptime by",
        text=(
            "`u` shows how much of the time each forward was up, worst first: in percent of the"
            " last 24 hours, 7 days and 30 days, the worst day, the losses, the longest outage."
            " `/` filters, `g` sums up by tag, `o` sorts by another column, `w` writes a CSV file,"
            " enter goes to the row."
        ),
    ),
    Step(
        name="13-trends",
        title="What is slow, and what is busy",
        keys=(
            "end",
            "up",
            "up",
            "enter",
        ),
        awaited="rate ",
        size=(110, 34),
        sweeps=48,
        text=(
            "The sheet draws the last latencies (`trend`) and bytes per second (`rate`), the newest"
            " at the right; a `·` is a gap, as after a reconnect. `c` shows both as columns, and"
            ' `rate:>100k` filters. Who knows vim\'s keys writes `preset = "vim"` into the'
            " settings: then `j` `k` `gg` `G` `n` do what you expect, and `?` lists the others."
        ),
    ),
    Step(
        name="14-reach",
        title="Reach a device",
        keys=("y",),
        awaited="ssh -J",
        size=(110, 24),
        text=(
            "`y` shows the commands that reach the selected row: ssh, as another user, through the"
            " gateway from your own desk (`ssh -J`, `ssh -L`), curl or openssl for http and tls."
            " Enter copies one. `s` opens a shell here and now, `S` asks for the user."
        ),
    ),
    Step(
        name="15-menu",
        title="Change a node",
        keys=("m",),
        awaited="Registry: ",
        size=(110, 24),
        text=(
            "`m` is the menu of what the registry holds: set the target, rename, rekey with a"
            " bundle, expire, publish, remove. Each asks with what the command's `--dry-run` says."
            " `T` edits the tags of the marked rows."
        ),
    ),
    Step(
        name="16-beside",
        title="Table and sheet side by side",
        keys=("backslash",),
        awaited="killed sshd",
        size=(170, 44),
        text=(
            "From 160 columns `\\` shows the sheet of the selected row beside the table; it follows"
            " the cursor. The line above the keys says the most important of it at any width."
        ),
    ),
)


def tour_text() -> str:
    """The page that shows the steps."""
    parts = [
        "# The console in two minutes\n",
        "Each picture shows the console itself after the keys below it were pressed.\n",
    ]
    for step in STEPS:
        keys = " ".join(f"`{key}`" for key in told(step.keys))
        picture = f"![{step.title}](tour/{step.name}.svg)"
        parts.append(f"## {step.title}\n\n{picture}\n\nPressed: {keys}\n\n{step.text}\n")
    return "\n".join(parts)


def told(keys: tuple[str, ...]) -> list[str]:
    """Keys as words, those of a text together."""
    words: list[str] = []
    typing = False
    for key in keys:
        if typing and len(key) == 1:
            words[-1] += key
            continue
        words.append({"slash": "/", "number_sign": "#", "backslash": "\\"}.get(key, key))
        typing = key in ("slash", "tab", "n")
        if typing:
            words.append("")
    return [word for word in words if word]
