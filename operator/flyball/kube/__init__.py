"""The Kubernetes API as the operator uses it: raw JSON over the official client's connection, leases, events, a cache of pods."""
