"""Hotel-Reservation: 17 services in Go with memcached and MongoDB, objective 100 ms (DeathStarBench; ASPLOS'19).

Services, mix and the paper's 2,000 requests/s are published (DeathStarBench `hotelReservation`: its wrk2 script sends 60 % searches, 39 %
recommendations, .5 % log-ins, .5 % reservations; Autothrottle controls 17 pods of it). Call graph: as the services' handlers call each other. CPU
per visit, hit rates, tails and waits: ours (see `parts`); in sum 4.5 ms a request, .8 of the 5.8 ms that Autothrottle allocated. A call waits 4 ms
without CPU (network, connection pools): with CPU alone the 99 % quantile would be a tenth of the objective, and it is published that the objective
binds.
"""

from __future__ import annotations

from flyball.sim.apps.parts import TAIL_LEAN, cache, lean, mongo, sequence, store
from flyball.sim.spec import Application, Node, RequestType, Visit

MS = 0.001
WAIT = 4.0 * MS


def hotel_reservation() -> Application:
    """At its published scale (a trace times 10, or 2,000 requests/s) about 9 to 12 cores of work."""
    profile = _cached("profile", "memcached-profile", "mongodb-profile", 0.9 * MS, hit=0.97)
    reservation = _cached("reservation", "memcached-reserve", "mongodb-reservation", 0.9 * MS, hit=0.95)
    rate = _cached("rate", "memcached-rate", "mongodb-rate", 0.8 * MS, hit=0.97)
    geo = _call("geo", 0.7 * MS)
    near = _call("search", 0.6 * MS, geo, rate)
    user = _call("user", 0.5 * MS)
    recommendation = _call("recommendation", 0.8 * MS)

    def at_the_front(work: float, *calls: Visit) -> Visit:
        return Visit("frontend", work, sequence(*calls), tail=0.6, delay_seconds=WAIT)

    return Application(
        name="hotel-reservation",
        objective_seconds=0.1,
        services=(
            *(lean(name) for name in ("frontend", "search", "geo", "rate", "profile", "recommendation", "user", "reservation")),
            *(cache(f"memcached-{name}") for name in ("profile", "rate", "reserve")),
            *(mongo(f"mongodb-{name}") for name in ("geo", "profile", "rate", "recommendation", "reservation", "user")),
        ),
        request_types=(
            RequestType("search", 0.6, at_the_front(1.2 * MS, near, reservation, profile)),
            RequestType("recommend", 0.39, at_the_front(0.8 * MS, recommendation, profile)),
            RequestType("log-in", 0.005, at_the_front(0.5 * MS, user)),
            RequestType("reserve", 0.005, at_the_front(0.8 * MS, user, _write("reservation", "memcached-reserve", "mongodb-reservation"))),
        ),
        nodes=tuple(Node(f"node-{number}", 32) for number in range(1, 5)),
    )


def _call(service: str, work: float, *calls: Visit) -> Visit:
    return Visit(service, work, sequence(*calls), tail=TAIL_LEAN, delay_seconds=WAIT)


def _cached(service: str, memcached: str, mongodb: str, work: float, *, hit: float) -> Visit:
    """Ask the cache; where it misses, the database."""
    return _call(service, work, Visit(memcached, 0.12 * MS, sequence(store(mongodb, 1.5 * MS)), tail=TAIL_LEAN, hit=hit))


def _write(service: str, memcached: str, mongodb: str) -> Visit:
    """A booking: look at what is free, write to the database, then to the cache."""
    touch = Visit(memcached, 0.12 * MS, tail=TAIL_LEAN)
    return _call(service, 1.5 * MS, touch, store(mongodb, 1.8 * MS), store(mongodb, 1.8 * MS), touch)
