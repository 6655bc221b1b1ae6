"""Outcome: what a forecast is worth in replica-hours, when replicas take their time to start and demand must not outgrow them."""
