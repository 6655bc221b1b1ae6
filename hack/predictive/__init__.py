"""The example examples/predictive on a local cluster: a load that rises at the same minute each day, and replicas that are ready before it.

`pattern` says how the load goes, `replay` gives Prometheus its past days, `load` sends it, `watch` looks on, `verdict` tells what came when,
`driver` runs all of it. The node tests use the same parts.
"""
