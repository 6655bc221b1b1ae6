"""CPU control groups, v1 and v2: finding a pod's, reading counters, writing quota and burst."""
