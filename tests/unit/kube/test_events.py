"""Events: the same thing said again raises a count, at a bounded rate; and trouble with events is nobody else's trouble."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from flyball.api.meta import Metadata
from flyball.kube.client import Kube, KubeError
from flyball.kube.events import NOTE_LENGTH, REMEMBERED, REPEAT_SECONDS, Recorder
from tests.operator.fake_kube import FakeKube


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


class Scene:
    def __init__(self) -> None:
        self.kube = FakeKube()
        self.clock = Clock()
        self.recorder = Recorder(cast(Kube, self.kube), "operator-1", self.clock)
        self.written = 0
        self.recorder.on_write = self._count

    def _count(self) -> None:
        self.written += 1

    def say(self, reason: str = "Guard", note: str = "a surge", name: str = "shop", **more: Any) -> None:
        about = Metadata(name=name, namespace="default", uid=f"uid-{name}")
        asyncio.run(self.recorder.say("LatencySLO", about, reason, note, **more))

    @property
    def events(self) -> list[dict[str, Any]]:
        return list(self.kube.objects.values())


def test_an_event_names_its_object_and_what_happened() -> None:
    scene = Scene()
    scene.say(warning=True)
    (event,) = scene.events
    assert event["regarding"] == {
        "apiVersion": "flyball.dev/v1alpha1",
        "kind": "LatencySLO",
        "namespace": "default",
        "name": "shop",
        "uid": "uid-shop",
    }
    assert (event["type"], event["reason"], event["note"], event["action"]) == ("Warning", "Guard", "a surge", "Guard")
    assert event["reportingController"] == "flyball.dev/operator"


def test_the_same_thing_again_is_counted_and_written_every_five_minutes_at_most() -> None:
    scene = Scene()
    for _ in range(100):
        scene.say()
        scene.clock.now += REPEAT_SECONDS / 50
    (event,) = scene.events
    assert event["series"]["count"] == 51, "what was said until the last write"
    assert len(scene.kube.writes) == scene.written == 2


def test_different_things_and_different_objects_are_events_of_their_own() -> None:
    scene = Scene()
    scene.say()
    scene.say(reason="Ready")
    scene.say(note="another surge")
    scene.say(name="other")
    assert len(scene.events) == 4


def test_a_refusal_is_not_raised() -> None:
    scene = Scene()
    scene.kube.fault = KubeError(403, "namespace is being terminated")
    scene.say()
    scene.kube.fault = None
    scene.say()
    assert len(scene.events) == 1


def test_notes_and_memory_are_bounded() -> None:
    scene = Scene()
    scene.say(note="x" * 5000)
    assert len(scene.events[0]["note"]) == NOTE_LENGTH
    for number in range(REMEMBERED + 10):
        scene.say(name=f"shop-{number}")
    assert len(scene.recorder._said) == REMEMBERED
