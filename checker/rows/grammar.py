"""The grammar of a filter: what each part of its text says about a row. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from checker.rows.claims import OPERATORS, AnyOf, Claim, Comparison, Not, Shape, State, Word
from checker.rows.fields import Field, fields_called
from checker.rows.parse import HALF_REGEX, REGEX, pieces
from checker.rows.patterns import InvalidPattern, beginning, regex, wildcard
from checker.rows.states import states_called
from checker.rows.terms import Part, Term

IS = "is"
COMPARISON = re.compile(r"(<=|>=|<|>|=)(.*)", re.DOTALL)
NUMBER = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)([a-z%]*)\Z")


def number_in(text: str, field: Field) -> float | None:
    """The number in the column's own unit; None if the text is not one."""
    match = NUMBER.match(text)
    unit = field.units.get(match[2]) if match and field.number else None
    return None if match is None or unit is None else float(match[1]) * unit


def parse_comparison(value: str, fields: Sequence[Field]) -> Comparison | None:
    """A comparison such as `>200`; None if the text is not one."""
    match = COMPARISON.match(value.lower())
    if match is None:
        return None
    numbers = ((field, number_in(match[2], field)) for field in fields)
    bounds = tuple((field, number) for field, number in numbers if number is not None)
    return Comparison(sign=match[1], bounds=bounds) if bounds else None


def is_regex(value: str) -> bool:
    """Whether it is a regular expression between slashes, or the beginning of one."""
    return value != "/" and bool(REGEX.fullmatch(value) or HALF_REGEX.fullmatch(value))


def parse_regex(value: str, fields: tuple[Field, ...]) -> tuple[Claim, bool]:
    """A regular expression, and whether it is complete. One that is half typed or not valid shows
    what its longest valid beginning shows, and what contains the text as it stands.
    """
    whole = REGEX.fullmatch(value)
    try:
        if whole:
            return Shape(pattern=regex(whole[1]), fields=fields), True
    except InvalidPattern:
        pass
    text = Word(text=value.lower(), fields=fields)
    pattern = beginning(value[1:].removesuffix("/"))
    claims = (text, Shape(pattern=pattern, fields=fields)) if pattern else (text,)
    return AnyOf(claims=claims), False


def parse_value(value: str, fields: tuple[Field, ...], *, inverted: bool) -> Claim | None:
    """A part's claim about these fields, or about any; None if it is not complete yet."""
    if value == "/" or (value in OPERATORS and any(field.number for field in fields)):
        return None
    if is_regex(value):
        found, is_complete = parse_regex(value, fields)
        return found if is_complete or not inverted else None
    compared = parse_comparison(value, fields)
    if compared:
        return compared
    if fields and value.startswith("="):
        exact = "*".join(pieces(value[1:]))
        return Word(text=exact, fields=fields, whole=True) if exact else None
    cut = pieces(value)
    if len(cut) > 1:
        return Shape(pattern=wildcard(cut), fields=fields)
    return Word(text=cut[0], fields=fields) if cut[0] else None


def is_name(name: str) -> bool:
    return bool(name) and (name == IS or bool(fields_called(name)))


def parse_part(part: Part, name: str, *, within: bool = False) -> tuple[Claim | None, bool]:
    """What a part says of what has this name, and whether it is inverted: the `!` may be before
    the name or after the colon. `within`: its whole term is inverted.
    """
    known = is_name(part.name)
    behind = known and part.value.startswith("!")
    value = part.value[1:] if behind else part.value
    if part.name and not known:
        value = f"{part.name}:{value}"
    inverted = part.is_inverted is not behind
    if name == IS:
        word = "".join(pieces(value))
        return (State(words=states_called(word)) if word else None), inverted
    fields = fields_called(name) if name else ()
    return parse_value(value, fields, inverted=inverted is not within), inverted


def parse_term(parts: tuple[Part, ...]) -> Term | None:
    """One part of a filter. Alternatives without a name have that of the one before; the `!` of the
    first inverts them all. None if it is not complete yet.
    """
    name, claims, inverted = "", list[Claim](), False
    for part in parts:
        name = part.name if is_name(part.name) else name
        claim, turned = parse_part(part, name, within=inverted)
        if part is parts[0]:
            inverted, turned = turned, False
        if claim is not None:
            claims.append(Not(claim=claim) if turned else claim)
    if not claims:
        return None
    claim = claims[0] if len(claims) == 1 else AnyOf(claims=tuple(claims))
    return Term(claim=claim, inverted=inverted, parts=parts)
