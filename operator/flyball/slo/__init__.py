"""The objective as an error budget: good and total requests over a rolling window. Pure."""

from flyball.slo.budget import Budget, Ledger, Objective, governing, summary
from flyball.slo.cells import Cell, cell_seconds, cell_start

__all__ = ["Budget", "Cell", "Ledger", "Objective", "cell_seconds", "cell_start", "governing", "summary"]
