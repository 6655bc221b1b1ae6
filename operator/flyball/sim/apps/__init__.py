"""Applications for the simulator: three in the published shape and size of the benchmarks that the Autothrottle paper used, and random ones by seed.

`APPLICATIONS` is what `flyball simulate --application` can name. They are frozen: a change of one makes figures that were measured on it void.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from flyball.sim.apps.hotel_reservation import hotel_reservation
from flyball.sim.apps.random import random_application
from flyball.sim.apps.social_network import social_network
from flyball.sim.apps.train_ticket import train_ticket
from flyball.sim.spec import Application

__all__ = ["APPLICATIONS", "hotel_reservation", "random_application", "social_network", "train_ticket"]

APPLICATIONS: Mapping[str, Callable[[], Application]] = {
    "train-ticket": train_ticket,
    "social-network": social_network,
    "hotel-reservation": hotel_reservation,
}
