"""Tests of the whole console, headless and in real terminals."""
