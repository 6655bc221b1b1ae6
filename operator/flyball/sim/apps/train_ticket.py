"""Train-Ticket: 68 services in Java with a database each, objective 1000 ms (Fudan's benchmark; ICSE'18, TSE'18).

Services and mix are published (Autothrottle controls 68 pods; its load script sends a home page, two searches and, for one visitor in ten, a
booking of four requests: insurances, meals, contacts, the order itself). Call graph: as the services call each other in the version with MongoDB;
a search finds one train on four routes. Half of the services belong to pages that this load never opens and use CPU only for themselves. CPU per
visit and tails: ours (see `parts`); in sum about 75 ms a request, .65 of the 116 ms that Autothrottle allocated.
"""

from __future__ import annotations

from flyball.sim.apps.parts import TAIL_JVM, jvm, lean, mongo, sequence, store
from flyball.sim.spec import Application, Node, RequestType, Service, Visit

MS = 0.001
WITH_DATABASE = (
    "assurance", "auth", "config", "consign", "consign-price", "contacts", "delivery", "food", "food-map", "inside-payment", "notification",
    "order", "order-other", "payment", "price", "route", "security", "station", "ticket-office", "train", "travel", "travel2", "user",
)  # fmt: skip
WITHOUT_DATABASE = (
    "admin-basic-info", "admin-order", "admin-route", "admin-travel", "admin-user", "avatar", "basic", "cancel", "execute", "news", "preserve",
    "preserve-other", "rebook", "route-plan", "seat", "ticketinfo", "travel-plan", "verification-code",
)  # fmt: skip


def train_ticket() -> Application:
    """At its published scale (a trace as it is, or 200 requests/s) about 16 to 20 cores of work."""
    visitors = 10  # of whom one books
    return Application(
        name="train-ticket",
        objective_seconds=1.0,
        services=_services(),
        request_types=(
            RequestType("home", visitors, Visit("ts-ui-dashboard", 1.0 * MS, tail=0.4)),
            RequestType("search", 2 * visitors, _page(_search())),
            RequestType("insurances", 1, _page(_call("assurance", 3.0 * MS))),
            RequestType("meals", 1, _page(_meals())),
            RequestType("contacts", 1, _page(_call("contacts", 3.0 * MS, _db("contacts")))),
            RequestType("order", 1, _page(_order())),
        ),
        nodes=tuple(Node(f"node-{number}", 32) for number in range(1, 5)),
    )


def _services() -> tuple[Service, ...]:
    named = [f"ts-{name}-service" for name in (*WITH_DATABASE, *WITHOUT_DATABASE)]
    return (
        lean("ts-ui-dashboard"),
        *(jvm(name) for name in named),
        *(mongo(f"ts-{name}-mongo") for name in WITH_DATABASE),
        jvm("ts-voucher-service"),
        mongo("ts-voucher-mysql"),
        lean("rabbitmq"),
    )


def _page(call: Visit) -> Visit:
    """Through the web server that all requests enter by."""
    return Visit("ts-ui-dashboard", 0.8 * MS, ((call,),), tail=0.4)


def _call(name: str, work: float, *calls: Visit) -> Visit:
    return Visit(f"ts-{name}-service", work, sequence(*calls), tail=TAIL_JVM)


def _db(name: str, work: float = 0.8 * MS) -> Visit:
    return store(f"ts-{name}-mongo", work)


def _station() -> Visit:
    return _call("station", 2.2 * MS, _db("station"))


def _route() -> Visit:
    return _call("route", 2.2 * MS, _db("route"))


def _train() -> Visit:
    return _call("train", 2.0 * MS, _db("train"))


def _sold() -> Visit:
    """Tickets that were sold for a train: a scan of the orders."""
    return _call("order", 4.5 * MS, _db("order", 3.0 * MS))


def _ticket() -> Visit:
    """Price and stations of a journey."""
    price = _call("price", 2.0 * MS, _db("price"))
    return _call("ticketinfo", 2.5 * MS, _call("basic", 4.0 * MS, _station(), _station(), _train(), _route(), price))


def _where() -> Visit:
    """A station's number by its name."""
    return _call("ticketinfo", 2.0 * MS, _call("basic", 2.5 * MS, _station()))


def _seats() -> Visit:
    """Seats left in one class."""
    return _call("seat", 4.0 * MS, _call("travel", 2.5 * MS, _db("travel"), _route()), _sold(), _call("config", 2.0 * MS, _db("config")))


def _search() -> Visit:
    routes = tuple(_route() for _ in range(4))
    return _call("travel", 9.0 * MS, _where(), _where(), _db("travel", 1.5 * MS), *routes, _ticket(), _sold(), _seats(), _seats(), _train())


def _meals() -> Visit:
    maps = _call("food-map", 2.5 * MS, _db("food-map"))
    return _call("food", 5.0 * MS, maps, _call("travel", 3.0 * MS, _db("travel"), _route()), maps, _station())


def _order() -> Visit:
    """A booking: checks, the journey once more, the order, insurance, meal, and a letter to the user."""
    orders = _call("order", 4.0 * MS, _db("order", 2.0 * MS))
    checks = _call("security", 3.0 * MS, _db("security"), orders, _call("order-other", 3.0 * MS, _db("order-other")))
    details = _call("travel", 8.0 * MS, _where(), _where(), _db("travel"), _route(), _ticket(), _sold(), _seats(), _seats(), _train())
    user = _call("user", 2.5 * MS, _db("user"))
    letter = _call("notification", 4.0 * MS, _db("notification"))
    steps = (
        checks, _call("contacts", 3.0 * MS, _db("contacts")), details, _where(), _where(), _ticket(), _seats(),
        _call("order", 5.0 * MS, _db("order", 1.5 * MS)), _call("food", 3.5 * MS, _db("food")), user, letter,
    )  # fmt: skip
    return _call("preserve", 125.0 * MS, *steps)
