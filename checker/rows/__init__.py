"""Forwards as rows of values: their texts, what a filter can name, and the filter; pure."""
