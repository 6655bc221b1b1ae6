"""LatencySLO: `resolve` finds its workloads, `conflicts` who else steers them, `signals` how it stands, `plan` and `status` what is written.

`controller` is the loop that calls them in this order.
"""
