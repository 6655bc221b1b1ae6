"""A second opinion on forecasts: Theta on logs, slow and apart from the engine, asked each half hour beside it.

`theta` is the method, `means` what it is given, `scores` who erred less, `compared` the same over a history; all pure. `worker` is the process in
which it is fitted, `check` goes through the series. It changes no forecast and no plan: it tells where the engine could be better.
"""
