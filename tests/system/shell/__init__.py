"""Tests of shell scripts under real shells."""
