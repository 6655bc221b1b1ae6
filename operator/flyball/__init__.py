"""Flyball: the least CPU that keeps a latency objective."""
