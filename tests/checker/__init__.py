"""Tests of checker, package by package."""
