"""Benchmarks: `make bench` runs them and prints what was measured, on which machine, and how. Never a test."""
