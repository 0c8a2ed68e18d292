"""The root of all errors, and the error of a value that cannot be parsed."""

from __future__ import annotations


class CheckerError(Exception):
    """Root of all that the checker could not do; its text is a whole sentence."""


class InvalidValue(CheckerError):
    """A value that an admin or a file gave, and that can not be."""
