"""What the controllers of all kinds share: reporting, conditions, other autoscalers."""
