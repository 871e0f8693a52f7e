"""A pool step by step in SimPy: slow, plain, and written apart from the engine that it checks."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any

import numpy as np
import simpy

from optimizer.simulate_engine import Kinds, Machine

WAITING_COUNTS = 4  # against 1 of a running request


class SlowReplica:
    """A process that makes one step after another while it has work."""

    def __init__(self, world: simpy.Environment, kinds: Kinds, machine: Machine, log: dict[str, np.ndarray]) -> None:
        self.world, self.kinds, self.machine, self.log = world, kinds, machine, log
        self.waiting: deque[tuple[int, int]] = deque()
        self.prefilling: list[list[int]] = []  # [request, kind, tokens done]
        self.decoding: dict[int, list[int]] = {}  # request -> [kind, tokens to come]
        self.pages = machine.pages
        self.rings: simpy.Event = world.event()
        world.process(self.work())

    @property
    def score(self) -> int:
        return WAITING_COUNTS * len(self.waiting) + len(self.prefilling) + len(self.decoding)

    def take(self, request: int, kind: int) -> None:
        self.waiting.append((request, kind))
        if not self.rings.triggered:
            self.rings.succeed()

    def work(self) -> Any:
        while True:
            if not (self.waiting or self.prefilling or self.decoding):
                self.rings = self.world.event()
                yield self.rings
            now = self.world.now
            left = max(self.machine.step_tokens - len(self.decoding), 16)
            seconds, started = 0.0, []
            for part in self.prefilling:
                seconds, left = self.advance(part, seconds, left)
            while self.waiting and left > 0 and len(self.prefilling) + len(self.decoding) < self.machine.slots:
                request, kind = self.waiting[0]
                if self.kinds.pages[kind] > self.pages:
                    break
                self.waiting.popleft()
                self.pages -= self.kinds.pages[kind]
                self.log["admit"][request] = now
                if self.kinds.prompt_tokens[kind]:
                    self.prefilling.append([request, kind, 0])
                    seconds, left = self.advance(self.prefilling[-1], seconds, left)
                else:
                    self.decoding[request] = [kind, self.kinds.decode_steps[kind]]
                    started.append(request)
            yield self.world.timeout(seconds + self.decode_s())
            self.finish(started)

    def advance(self, part: list[int], seconds: float, left: int) -> tuple[float, int]:
        _, kind, had = part
        whole = self.kinds.prompt_tokens[kind]
        part[2] = min(whole, had + left)
        parts = np.asarray(self.kinds.prefill_parts_s[kind])
        done = np.interp([had, part[2]], np.linspace(0, whole, len(parts)), parts)
        return seconds + float(done[1] - done[0]), left - (part[2] - had)

    def decode_s(self) -> float:
        running = len(self.decoding)
        row = self.machine.step_s[max(running, 1)]
        mean = sum(self.kinds.context_tokens[kind] for kind, _ in self.decoding.values()) / max(running, 1)
        return float(np.interp(mean, self.machine.contexts, row))

    def finish(self, started: list[int]) -> None:
        now = self.world.now
        for request in started:
            self.log["first"][request] = now
        for request in list(self.decoding):
            self.decoding[request][1] -= 1
            if self.decoding[request][1] == 0:
                self.leave(request, self.decoding.pop(request)[0])
        for part in [part for part in self.prefilling if part[2] == self.kinds.prompt_tokens[part[1]]]:
            self.prefilling.remove(part)
            request, kind, _ = part
            self.log["first"][request] = now
            if self.kinds.decode_steps[kind]:
                self.decoding[request] = [kind, self.kinds.decode_steps[kind]]
            else:
                self.leave(request, kind)

    def leave(self, request: int, kind: int) -> None:
        self.log["end"][request] = self.world.now
        self.pages += self.kinds.pages[kind]


def slow_pool(
    arrive_s: Sequence[float], kind: Sequence[int], kinds: Kinds, machine: Machine, replicas: int
) -> dict[str, np.ndarray]:
    """Times of admission, first token and end of each request [s]."""
    world = simpy.Environment()
    log = {name: np.full(len(kind), np.nan) for name in ("admit", "first", "end")}
    pool = [SlowReplica(world, kinds, machine, log) for _ in range(replicas)]

    def arrivals() -> Any:
        turn = 0
        for request, when in enumerate(arrive_s):
            yield world.timeout(when - world.now)
            scores = [replica.score for replica in pool]
            turn = next(r for r in [*range(turn, replicas), *range(replicas)] if scores[r] == min(scores))
            pool[turn].take(request, kind[request])
            turn += 1

    world.process(arrivals())
    world.run(until=max(arrive_s) + 1e4)
    return log
