"""The simulator: an application as a queueing network, under the CPU bandwidth control of the kernel, driven by a policy.

`simulate(application, rates, policy, seed)` is the whole of it; `spec` says what an application is, `policy` what a policy sees and may do.
"""
