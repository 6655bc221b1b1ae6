"""The demo: a cluster, a shop under a real request rate, first observed, then controlled; `python -m hack.demo`, or `make demo`.

In the order of a run: `environment` (a cluster with Prometheus and Flyball on it), `shop`, `load` (k6), `phases` (Observe, Enforce), `live` (the
table), `figures` (what was measured), `report` (the page).
"""
