"""Social-Network: 28 services (30 pods), objective 200 ms (DeathStarBench with the learned filters of Sinan's version).

Services, replicas and mix are published (Autothrottle controls 30 pods of it, three of them the media filter's; its load script sends 65 % reads
of home timelines, 15 % of user timelines, 20 % posts with one image each). Call graph: as the services' handlers call each other; writes to
timelines pass through RabbitMQ after the answer, here within the request. CPU per visit, hit rates and tails: ours (see `parts`). In sum about 53
ms a request, .27 of what Autothrottle allocated: more would not leave the slack, since the work of a visit is serial here.
"""

from __future__ import annotations

from flyball.sim.apps.parts import TAIL_LEAN, cache, lean, mongo, redis, sequence, store
from flyball.sim.spec import Application, Node, RequestType, Visit

MS = 0.001
FILTER_TAIL = 0.2
"""A neural network does the same sums for each image; only its size differs."""


def social_network() -> Application:
    """At its published scale (a trace times 1.5, or 500 requests/s) about 21 to 26 cores of work."""
    return Application(
        name="social-network",
        objective_seconds=0.2,
        services=(
            lean("nginx-thrift"),
            *(lean(f"{name}-service") for name in ("compose-post", "text", "user-mention", "url-shorten", "unique-id", "user", "media")),
            *(lean(f"{name}-service") for name in ("home-timeline", "user-timeline", "post-storage", "social-graph")),
            *(lean(f"{name}-service") for name in ("write-home-timeline", "write-user-timeline", "text-filter")),
            lean("media-filter-service", replicas=3),
            *(lean(f"write-{name}-timeline-rabbitmq") for name in ("home", "user")),
            *(redis(f"{name}-redis") for name in ("compose-post", "home-timeline", "user-timeline", "social-graph")),
            *(cache(f"{name}-memcached") for name in ("post-storage", "user")),
            *(mongo(f"{name}-mongodb") for name in ("post-storage", "social-graph", "user", "user-timeline")),
        ),
        request_types=(
            RequestType("read-home-timeline", 0.65, _front(6.0 * MS, _home())),
            RequestType("read-user-timeline", 0.15, _front(6.0 * MS, _user_timeline())),
            RequestType("compose-post", 0.2, _front(9.0 * MS, _compose())),
        ),
        nodes=tuple(Node(f"node-{number}", 32) for number in range(1, 5)),
    )


def _front(work: float, call: Visit) -> Visit:
    return Visit("nginx-thrift", work, ((call,),), tail=0.4)


def _call(service: str, work: float, *calls: Visit) -> Visit:
    return Visit(service, work, sequence(*calls), tail=TAIL_LEAN)


def _posts(work: float) -> Visit:
    """Ten posts by their numbers: from the cache, else from the database."""
    return _call("post-storage-service", work, Visit("post-storage-memcached", 1.5 * MS, ((store("post-storage-mongodb", 4.0 * MS),),), hit=0.9))


def _home() -> Visit:
    return _call("home-timeline-service", 13.0 * MS, Visit("home-timeline-redis", 0.8 * MS, tail=TAIL_LEAN), _posts(21.0 * MS))


def _user_timeline() -> Visit:
    numbers = Visit("user-timeline-redis", 0.8 * MS, ((store("user-timeline-mongodb", 3.0 * MS),),), tail=TAIL_LEAN, hit=0.8)
    return _call("user-timeline-service", 9.0 * MS, numbers, _posts(21.0 * MS))


def _compose() -> Visit:
    """Filters, links, mentions and numbers at once; then the post is stored and written to the timelines."""
    keep = Visit("compose-post-redis", 0.3 * MS, tail=TAIL_LEAN)
    media = _call("media-service", 3.0 * MS, Visit("media-filter-service", 34.0 * MS, tail=FILTER_TAIL), keep)
    links = _call("url-shorten-service", 1.5 * MS, keep)
    people = Visit("user-memcached", 0.4 * MS, ((store("user-mongodb", 2.0 * MS),),), tail=TAIL_LEAN, hit=0.9)
    mentions = _call("user-mention-service", 1.5 * MS, people)
    filtered = Visit("text-filter-service", 16.0 * MS, tail=FILTER_TAIL)
    text = Visit("text-service", 3.0 * MS, ((links, mentions, filtered), (keep,)), tail=TAIL_LEAN)
    parts = (media, text, _call("user-service", 1.0 * MS, keep), _call("unique-id-service", 0.6 * MS, keep))

    graph = _call("social-graph-service", 1.5 * MS, Visit("social-graph-redis", 0.5 * MS, ((store("social-graph-mongodb", 2.0 * MS),),), hit=0.9))
    theirs = _call("write-home-timeline-service", 2.0 * MS, graph, Visit("home-timeline-redis", 1.5 * MS))
    to_home = _call("write-home-timeline-rabbitmq", 0.6 * MS, theirs)
    mine = _call("write-user-timeline-service", 1.5 * MS, store("user-timeline-mongodb", 2.0 * MS), Visit("user-timeline-redis", 0.5 * MS))
    to_mine = _call("write-user-timeline-rabbitmq", 0.6 * MS, mine)
    stored = _call("post-storage-service", 4.0 * MS, store("post-storage-mongodb", 3.0 * MS))
    return Visit("compose-post-service", 5.0 * MS, (parts, (stored, to_home, to_mine)), tail=TAIL_LEAN)
