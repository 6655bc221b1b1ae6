"""A small shop of seven services: what `flyball simulate` runs when no application is named, and what the tests play with. All figures are ours."""

from __future__ import annotations

from flyball.sim.spec import Application, Node, RequestType, Service, Visit


def shop() -> Application:
    """Seven services on two nodes of eight cores; at 200 requests/s about three cores of work."""
    store = Visit("store", 0.0009, tail=0.8, delay_seconds=0.002)
    cache = Visit("cache", 0.0002, ((store,),), hit=0.8, tail=0.3)
    catalogue = Visit("catalogue", 0.003, ((cache,),), tail=0.7)
    pricing = Visit("pricing", 0.004, tail=0.5)
    browse = Visit("gateway", 0.0025, ((Visit("front", 0.006, ((catalogue, pricing),), tail=0.6),),), tail=0.4)
    buy = Visit(
        "gateway", 0.003, ((Visit("front", 0.004, ((cache,), (Visit("orders", 0.012, ((store,), (store,)), tail=0.8),)), tail=0.6),),), tail=0.4
    )
    return Application(
        name="shop",
        objective_seconds=0.15,
        services=(
            Service("gateway", 2.0),
            Service("front", 2.0, replicas=2, threads=64),
            Service("catalogue", 2.4),
            Service("pricing", 2.0, replicas=2),
            Service("orders", 2.0, threads=32, background_cores=0.05, background_period_seconds=2.0),
            Service("cache", 0.5, parallel=1),
            Service("store", 1.5, threads=16),
        ),
        request_types=(RequestType("browse", 0.85, browse), RequestType("buy", 0.15, buy)),
        nodes=(Node("node-1", 8), Node("node-2", 8)),
    )
