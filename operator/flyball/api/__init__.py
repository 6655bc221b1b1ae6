"""The kinds: pydantic models that are the one source of the CRDs, of crds/, of the chart's copy and of docs/reference.

The operator parses what the API server returns into them; nobody else needs them (engines take plain values, the agent reads raw JSON).
"""
