"""Benchmark `forecast`: the engine against the forecasters that people use, and replicas planned from it against the autoscalers that people use."""
