"""Benchmark `cpu`: the product against tuned peers on simulated applications (`make bench SUITE=cpu`)."""
