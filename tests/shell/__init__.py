"""Tests under real shells."""
