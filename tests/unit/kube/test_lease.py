"""Leader election: one leader at a time, a quick handover after a clean stop, and an end in time when the Lease is lost."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from flyball.kube import paths
from flyball.kube.client import Kube, KubeError, Unreachable
from flyball.kube.lease import LEADER_LEASE, PLANS_LEASE, LeaderElector, renew_plans
from tests.operator.fake_kube import FakeKube
from tests.unit.faketime import clock, run

NAMESPACE = "flyball-system"
LEASE = paths.lease(NAMESPACE, LEADER_LEASE)


def elector(kube: FakeKube, identity: str) -> LeaderElector:
    return LeaderElector(cast(Kube, kube), NAMESPACE, identity, clock=clock)


def holder(kube: FakeKube) -> Any:
    return kube.objects[LEASE]["spec"]["holderIdentity"]


async def leader(kube: FakeKube, identity: str) -> tuple[LeaderElector, asyncio.Task[None]]:
    its = elector(kube, identity)
    await its.acquire()
    return its, asyncio.create_task(its.keep())


def test_the_first_leads_at_once_and_the_second_waits() -> None:
    async def main() -> None:
        kube = FakeKube()
        _, kept = await leader(kube, "a")
        second = asyncio.create_task(elector(kube, "b").acquire())
        await asyncio.sleep(300)
        assert holder(kube) == "a"
        assert not second.done()
        assert not kept.done()
        kept.cancel()
        second.cancel()

    run(main())


def test_after_a_release_the_second_leads_within_a_retry() -> None:
    async def main() -> None:
        kube = FakeKube()
        first, kept = await leader(kube, "a")
        second = asyncio.create_task(elector(kube, "b").acquire())
        await asyncio.sleep(100)
        kept.cancel()
        await first.release()
        begun = clock()
        await second
        assert clock() - begun <= 2.0
        assert holder(kube) == "b"
        assert kube.objects[LEASE]["spec"]["leaseTransitions"] == 1

    run(main())


def test_a_leader_that_vanished_is_followed_when_its_lease_is_over_and_no_sooner() -> None:
    async def main() -> None:
        kube = FakeKube()
        _, kept = await leader(kube, "a")
        second = asyncio.create_task(elector(kube, "b").acquire())
        await asyncio.sleep(100)
        kept.cancel()
        begun = clock()
        await second
        assert 13.0 <= clock() - begun <= 17.1

    run(main())


def test_a_leader_that_cannot_renew_ends_before_another_may_lead() -> None:
    async def main() -> None:
        kube = FakeKube()
        _, kept = await leader(kube, "a")
        await asyncio.sleep(100)
        begun = clock()
        kube.fault = Unreachable(0, "away")
        await kept
        assert 8.0 <= clock() - begun <= 12.0

    run(main())


def test_an_api_server_that_hangs_does_not_keep_the_leader_beyond_its_deadline() -> None:
    async def main() -> None:
        kube = FakeKube()
        _, kept = await leader(kube, "a")
        await asyncio.sleep(100)
        begun = clock()
        kube.hangs = True
        await kept
        # The last renewal may have been a retry before; 15 s after it another may lead.
        assert clock() - begun <= 12.0

    run(main())


def test_a_short_trouble_is_ridden_out() -> None:
    async def main() -> None:
        kube = FakeKube()
        _, kept = await leader(kube, "a")
        await asyncio.sleep(100)
        kube.fault = KubeError(500, "etcd has no leader")
        await asyncio.sleep(6)
        kube.fault = None
        await asyncio.sleep(100)
        assert not kept.done()
        kept.cancel()

    run(main())


def test_a_leader_that_was_overtaken_ends() -> None:
    async def main() -> None:
        kube = FakeKube()
        _, kept = await leader(kube, "a")
        kube.objects[LEASE]["spec"]["holderIdentity"] = "b"
        kube.objects[LEASE]["metadata"]["resourceVersion"] = "77"
        begun = clock()
        await kept
        assert clock() - begun <= 12.0
        assert holder(kube) == "b"

    run(main())


def test_only_the_holder_gives_the_lease_up() -> None:
    async def main() -> None:
        kube = FakeKube()
        _, kept = await leader(kube, "a")
        await elector(kube, "b").release()
        assert holder(kube) == "a"
        kept.cancel()

    run(main())


def test_of_two_that_find_no_lease_one_leads() -> None:
    async def main() -> None:
        kube = FakeKube()
        tasks = [asyncio.create_task(elector(kube, name).acquire()) for name in "ab"]
        await asyncio.sleep(5)
        assert [task.done() for task in tasks].count(True) == 1
        for task in tasks:
            task.cancel()

    run(main())


def test_each_renewal_of_the_plans_lease_differs_from_the_one_before() -> None:
    async def main() -> None:
        kube = FakeKube()
        times = []
        for _ in range(2):
            await renew_plans(cast(Kube, kube), NAMESPACE, "a")
            times.append(kube.objects[paths.lease(NAMESPACE, PLANS_LEASE)]["spec"]["renewTime"])
            await asyncio.sleep(0.001)
        assert times[0] != times[1]

    asyncio.run(main())
