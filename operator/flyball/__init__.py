"""Flyball: the least CPU that keeps a latency objective."""

__version__ = "0.1.0"
