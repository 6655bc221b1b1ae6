"""PredictiveAutoscaler: `target` reads what is scaled, `signals` its demands, `forecasts` what is ahead, `status` what is written.

`controller` is the loop that calls them in this order; the decision is `flyball.replicas`.
"""
