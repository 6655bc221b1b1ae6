"""Forecasts: values of thousands of series in, quantiles at horizons out. Pure; needs numpy and nothing of Kubernetes."""

from flyball.forecast.engine import Engine
from flyball.forecast.forecast import Forecast, Reason
from flyball.forecast.settings import Settings, SettingsError
from flyball.forecast.state import StateError

__all__ = ["Engine", "Forecast", "Reason", "Settings", "SettingsError", "StateError"]
