"""The palettes as Textual themes, so that its own widgets have the table's colours."""

from __future__ import annotations

from textual.theme import Theme

from checker.model import Status
from reversi_tui.rows.palette import PALETTES, Palette

OWN = "ansi_default"
"""The terminal's own colour."""


def theme_name(name: str) -> str:
    """Textual's name for the theme of a palette."""
    return f"reversi-{name}"


def theme_of(palette: Palette) -> Theme:
    """The Textual theme of a palette. Without a background, colours are the terminal's; the mono
    theme has no colours at all.
    """
    if palette.background:
        return own_background(palette)
    colourful = palette.name != "mono"
    return Theme(
        name=theme_name(palette.name),
        ansi=True,
        dark=True,
        primary="ansi_blue" if colourful else OWN,
        secondary="ansi_cyan" if colourful else OWN,
        warning="ansi_yellow" if colourful else OWN,
        error="ansi_red" if colourful else OWN,
        success="ansi_green" if colourful else OWN,
        accent="ansi_green" if colourful else OWN,
        foreground=OWN,
        background=OWN,
        surface=OWN,
        panel=OWN,
        boost=OWN,
        variables=variables(OWN, OWN, OWN)
        | {
            "edge": OWN,
            "raised": OWN,
            "field": OWN,
            "chosen": OWN,
            "chosen-text": OWN,
            "backdrop": "transparent",
        },
    )


LAYERS = {
    "dark": {
        "edge": "#6e7681",
        "raised": "#161b22",
        "field": "#0d1117",
        "backdrop": "#010409 65%",
    },
    "light": {
        "edge": "#6e7781",
        "raised": "#ffffff",
        "field": "#f0f3f6",
        "backdrop": "#8c959f 55%",
    },
}
"""The edge of an input, what lies above the table, what can be typed into, and the veil between."""


def own_background(palette: Palette) -> Theme:
    """Text on the palette's own background, with the colours of its statuses."""
    red, amber, green = (
        colour(palette.status[status]) for status in (Status.DOWN, Status.REFUSED, Status.UP)
    )
    return Theme(
        name=theme_name(palette.name),
        dark=palette.name == "dark",
        text_alpha=1.0,
        primary=colour(palette.marked),
        secondary=colour(palette.marked),
        warning=amber,
        error=red,
        success=green,
        accent=colour(palette.marked),
        foreground=palette.foreground,
        background=palette.background,
        surface=palette.background,
        panel=palette.background,
        boost=palette.background,
        variables=variables(palette.foreground, palette.background, colour(palette.dim))
        | LAYERS[palette.name]
        | highlighted(palette.cursor),
    )


def variables(text: str, behind: str, quiet: str) -> dict[str, str]:
    """Variables of the theme; cursors are shown in reverse, whatever the colours."""
    return {
        "quiet": quiet,
        "ansi-background": behind,
        "ansi-foreground": text,
        "screen-selection-background": behind,
        "screen-selection-foreground": text,
        "block-cursor-foreground": text,
        "block-cursor-background": behind,
        "block-cursor-text-style": "bold reverse",
        "block-cursor-blurred-foreground": text,
        "block-cursor-blurred-background": behind,
        "block-cursor-blurred-text-style": "bold",
        "block-hover-background": behind,
        "input-cursor-background": behind,
        "input-cursor-foreground": text,
        "input-cursor-text-style": "reverse",
        "input-selection-background": behind,
        "input-selection-foreground": text,
        "scrollbar": quiet,
        "scrollbar-hover": quiet,
        "scrollbar-active": quiet,
        "scrollbar-corner-color": behind,
        "scrollbar-background": behind,
        "scrollbar-background-hover": behind,
        "scrollbar-background-active": behind,
        "border-blurred": text,
        "button-focus-text-style": "bold reverse",
        "footer-background": behind,
    }


def highlighted(style: str) -> dict[str, str]:
    """Variables for a focused button and a chosen line, from the style of the table's cursor."""
    words = style.split()
    text, behind = words[-3], words[-1]
    return {
        "chosen": behind,
        "chosen-text": text,
        "block-cursor-foreground": text,
        "block-cursor-background": behind,
        "block-cursor-text-style": "bold",
    }


def colour(style: str) -> str:
    """The colour among the words of a style."""
    return style.rpartition(" ")[2]


THEMES = tuple(theme_of(palette) for palette in PALETTES.values())
