"""One package a kind: read a snapshot, ask the pure core, check again, apply, report. Policy lives in the cores, not here."""
