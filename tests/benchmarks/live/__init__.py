"""Benchmark `live`: policies of the simulator and the product on the demo's shop under a real kernel (`make bench SUITE=live`)."""
