"""Tests of client/service."""
