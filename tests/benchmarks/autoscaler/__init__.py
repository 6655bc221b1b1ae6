"""Benchmark `autoscaler`: what a thousand PredictiveAutoscalers cost the operator, the API server and Prometheus."""
