"""The root of all errors of the checker, and the error for an invalid value."""

from __future__ import annotations


class CheckerError(Exception):
    """Something that the checker could not do. The text is a whole sentence."""


class InvalidValue(CheckerError):
    """A value that an admin typed, or a file has, is not valid."""
