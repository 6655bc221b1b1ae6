"""Benchmark `forecast`: the engine beside its peers on real load traces (`make bench SUITE=forecast`)."""
