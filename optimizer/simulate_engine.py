"""One pool of replicas, request by request: continuous batching as vLLM does it, moved on from event to event.

A replica works in steps. At the start of a step waiting requests are admitted in order of arrival while a slot and the
pages of the request's full length are free; their prompts are computed in this step as far as its token budget goes,
several may share it, and a longer prompt goes on in the next. The step lasts as long as a decode step of the requests
that decode, plus the prefills in it. It gives each of them one token, and the first one to every prompt that it ends.

Between admissions and completions all steps last equally long, so whole stretches are jumped over. An arrival that can
be admitted cuts the stretch at the next end of a step. `tests/optimizer/slow_pool.py` says the same step by step.

Declared: pages are reserved for the full length, so nothing is ever preempted; a request counts with the mean context
of its life, as in wall 4, so that a stretch has steps of one length (the time is linear in the context, so a request's
total is the same); a step without decoding requests costs what one with a single one does; a dead replica's requests
start again from nothing on the others. `DISPATCH` names the ways to choose a replica; ties go in turn.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from math import inf

import numpy as np

from physics.batching import PAGE_TOKENS
from physics.memory import STEP_TOKENS

FloatArray = np.ndarray
NEVER_FULL = 2**62
DISPATCH = {"least_loaded": 3, "fewest": 0, "random": 0, "in_turn": 0}
"""Ways to choose the replica of a request, and what a request that waits for a slot counts beyond 1.

`least_loaded`: least 4 x waiting + running, the score of vLLM's own load balancer (`vllm/v1/engine/core_client.py`);
`fewest`: fewest in flight. With answers of equal length `fewest` bunches: requests that began in one step end in one
step, their replica is then the emptiest and gets the next ones all at once. `random` and `in_turn` look at nothing.
"""
_SHIFT = 36  # a due request is the number of its last step and its own number, in one integer
_MASK = (1 << _SHIFT) - 1
_DEAD = 1 << 40  # load of a replica that takes nothing
_END, _FIRST_OUTAGE = -1, -2


@dataclass(frozen=True)
class Kinds:
    """Kinds of requests, one entry each.

    Attributes:
        prompt_tokens: tokens to prefill (count).
        prefill_s: time that the whole prompt takes from the replica [s].
        decode_steps: tokens after the first; all tokens where there is no prompt (count).
        context_tokens: mean context of a decode step (count); only its ratio to `Machine.contexts` matters.
        pages: KV pages of the full length (count).
        prefill_parts_s: cumulative time of the prompt at equal parts of its tokens, 0 first [s]; for chunks.
    """

    prompt_tokens: Sequence[int]
    prefill_s: Sequence[float]
    decode_steps: Sequence[int]
    context_tokens: Sequence[float]
    pages: Sequence[int]
    prefill_parts_s: Sequence[Sequence[float]]


@dataclass(frozen=True)
class Machine:
    """One replica.

    Attributes:
        slots: b, most requests at once (count).
        step_s: [b + 1, C] decode step by requests that decode and by mean context [s]; row 0 is not used.
        contexts: [C] mean contexts of the columns, evenly spaced (count).
        pages: KV pages (count).
        step_tokens: most tokens of a step, prompts and decoded ones (count).
    """

    slots: int
    step_s: FloatArray
    contexts: FloatArray
    pages: int = NEVER_FULL
    step_tokens: int = int(STEP_TOKENS)


@dataclass(frozen=True)
class Outage:
    """A replica that is away from `down_s` to `up_s`."""

    replica: int
    down_s: float
    up_s: float = inf


@dataclass(frozen=True)
class PoolRun:
    """What happened to every request, in order of arrival; NaN where it never did [s].

    `admit_s` is when it got its slot, `first_s` its first token, `end_s` its last; `restarts` counts requests thrown
    back by an outage.
    """

    arrive_s: FloatArray
    kind: np.ndarray
    admit_s: FloatArray
    first_s: FloatArray
    end_s: FloatArray
    restarts: int


def run_pool(
    arrive_s: FloatArray,
    kind: np.ndarray,
    kinds: Kinds,
    machine: Machine,
    replicas: int,
    outages: Sequence[Outage] = (),
    clients: int = 0,
    dispatch: str = "least_loaded",
    seed: int = 0,
) -> PoolRun:
    """Play a pool.

    Args:
        arrive_s: times of arrival, ascending [s]; not read with `clients`.
        kind: index into `kinds`, one per request.
        kinds, machine, replicas: what is asked and what serves it.
        outages: replicas that go away, and perhaps come back.
        clients: a closed loop instead of arrivals: so many requests in flight, the next follows the end of another.
        dispatch: one of `DISPATCH`.
        seed: of `random`.
    """
    count = len(kind)
    if replicas < 1 or count >= _MASK:
        raise ValueError(f"{replicas} replicas, {count} requests: at least one replica, fewer requests than {_MASK}")
    if clients:
        arrive = [0.0] * min(clients, count) + [inf] * (count - min(clients, count))
    else:
        arrive = np.asarray(arrive_s, float).tolist()
    turns = None
    if dispatch == "random":
        turns = np.random.default_rng(seed).integers(replicas, size=count).tolist()
    elif dispatch == "in_turn":
        turns = (np.arange(count) % replicas).tolist()
    admit, first, end, restarts = _play(
        arrive, np.asarray(kind).tolist(), kinds, machine, replicas, outages, clients, DISPATCH[dispatch], turns
    )
    began = np.array(arrive[:count]) if clients else np.asarray(arrive_s, float)
    return PoolRun(began, np.asarray(kind), np.array(admit), np.array(first), np.array(end), restarts)


def _play(
    arrive: list[float],
    kind: list[int],
    kinds: Kinds,
    machine: Machine,
    replicas: int,
    outages: Sequence[Outage],
    clients: int,
    weight: int,
    turns: list[int] | None,
) -> tuple[list[float], list[float], list[float], int]:
    """The loop: everything is a local list, because it runs two or three times for each request."""
    prompt, prefill, steps = list(kinds.prompt_tokens), list(kinds.prefill_s), list(kinds.decode_steps)
    context, pages = list(kinds.context_tokens), list(kinds.pages)
    slots, budget = machine.slots, machine.step_tokens
    table = machine.step_s.tolist()
    plain_s = [row[0] for row in table]
    columns = len(table[0]) - 1
    lowest = float(machine.contexts[0])
    per_token = columns / (float(machine.contexts[-1]) - lowest) if columns else 0.0
    tight = machine.pages < slots * max(pages)

    total = len(kind)
    admit, first, end = [float("nan")] * total, [float("nan")] * total, [float("nan")] * total
    order, limbo = list(range(total)), list[int]()
    arrive.append(inf)
    released, restarts, turn, position = min(clients, total), 0, 0, 0

    every = range(replicas)
    load = [0] * replicas  # what dispatch looks at
    arriving = 1 + weight
    decoding = [0] * replicas
    tokens = [0.0] * replicas  # contexts of those that decode, added up
    room = [machine.pages] * replicas
    queue = [deque[int]() for _ in every]
    due = [list[int]() for _ in every]  # heap of those that decode, by their last step
    fresh = [list[int]() for _ in every]  # prompts that end with the running step
    halfway: list[tuple[int, int] | None] = [None] * replicas  # a prompt that goes on in the next step, tokens done
    done = [0] * replicas  # steps since the start
    begun, length, ahead = [0.0] * replicas, [1.0] * replicas, [0] * replicas  # the running stretch
    coming = [inf] * replicas  # its end
    events: list[tuple[float, int]] = [(inf, _END)]
    for number, outage in enumerate(outages):
        events.append((outage.down_s, _FIRST_OUTAGE - 2 * number))
        if outage.up_s < inf:
            events.append((outage.up_s, _FIRST_OUTAGE - 2 * number - 1))
    heapify(events)

    upcoming = arrive[0]
    while True:
        if events[0][0] > upcoming:
            # An arrival: to the least loaded replica, the next one in turn of equals.
            j = order[position]
            if turns is not None and load[turns[j]] < _DEAD:
                r = turns[j]
            else:
                least = min(load)
                if least >= _DEAD:
                    limbo.append(j)
                    position += 1
                    upcoming = arrive[position]
                    continue
                try:
                    r = load.index(least, turn)
                except ValueError:
                    r = load.index(least)
                turn = r + 1
            load[r] += arriving
            waiting = queue[r]
            waiting.append(j)
            when = coming[r]
            if when == inf:
                ahead[r] = 0
                coming[r] = upcoming
                heappush(events, (upcoming, r))
            elif ahead[r] > 1 and decoding[r] < slots and len(waiting) == 1:
                cut = int((upcoming - begun[r]) / length[r]) + 1
                if cut < ahead[r]:
                    ahead[r] = cut
                    coming[r] = when = begun[r] + cut * length[r]
                    heappush(events, (when, r))
            position += 1
            upcoming = arrive[position]
            continue

        now, r = heappop(events)
        if r < 0:
            if r == _END:
                break
            number, up = divmod(_FIRST_OUTAGE - r, 2)
            lost = outages[number].replica
            if up:
                load[lost], back = 0, sorted(limbo)
                limbo.clear()
            else:
                back = [code & _MASK for code in due[lost]] + fresh[lost] + list(queue[lost])
                back = sorted([*back, halfway[lost][0]] if halfway[lost] else back)  # type: ignore[index]
                restarts += len(back)
                load[lost], decoding[lost], tokens[lost], room[lost] = _DEAD, 0, 0.0, machine.pages
                due[lost], fresh[lost], halfway[lost], coming[lost] = [], [], None, inf
                queue[lost].clear()
                for j in back:
                    admit[j] = first[j] = end[j] = float("nan")
            order[position:position] = back
            arrive[position:position] = [now] * len(back)
            upcoming = arrive[position]
            continue
        if coming[r] != now:
            continue  # this stretch was cut

        # The end of a stretch: those whose last step it was leave.
        step = done[r] = done[r] + ahead[r]
        mine, running = due[r], decoding[r]
        limit = (step + 1) << _SHIFT
        while mine and mine[0] < limit:
            j = heappop(mine) & _MASK
            end[j] = now
            running -= 1
            load[r] -= 1
            tokens[r] -= context[kind[j]]
            if tight:
                room[r] += pages[kind[j]]
            if clients and released < total:
                arrive[released] = now
                released += 1
                upcoming = arrive[position]
        if fresh[r]:
            for j in fresh[r]:
                first[j] = now
                k = kind[j]
                if steps[k]:
                    heappush(mine, ((step + steps[k]) << _SHIFT) | j)
                    running += 1
                    tokens[r] += context[k]
                else:
                    end[j] = now
                    load[r] -= 1
                    if tight:
                        room[r] += pages[k]
                    if clients and released < total:
                        arrive[released] = now
                        released += 1
                        upcoming = arrive[position]
            fresh[r] = []

        # The next step: admissions and prefills.
        work, began = 0.0, None
        waiting = queue[r]
        if waiting or halfway[r] is not None:
            left = budget - running
            if left < PAGE_TOKENS:
                left = int(PAGE_TOKENS)
            ending = fresh[r]
            partly = halfway[r]
            if partly is not None:
                j, had = partly
                have = min(prompt[kind[j]], had + left)
                work = _part_s(kinds, kind[j], had, have)
                left -= have - had
                halfway[r] = None if have == prompt[kind[j]] else (j, have)
                if have == prompt[kind[j]]:
                    ending.append(j)
            free = slots - running - len(ending) - (halfway[r] is not None)
            while waiting and free > 0 and left > 0:
                j = waiting[0]
                k = kind[j]
                if tight:
                    if pages[k] > room[r]:
                        break
                    room[r] -= pages[k]
                waiting.popleft()
                free -= 1
                admit[j] = now
                load[r] -= weight
                need = prompt[k]
                if not need:
                    heappush(mine, ((step + steps[k]) << _SHIFT) | j)
                    running += 1
                    tokens[r] += context[k]
                    began = [j] if began is None else [*began, j]
                elif need <= left:
                    left -= need
                    work += prefill[k]
                    ending.append(j)
                else:
                    work += _part_s(kinds, k, 0, left)
                    halfway[r] = (j, left)
                    left = 0
            stretch = 1 if ending or halfway[r] is not None else (mine[0] >> _SHIFT) - step if mine else 0
        else:
            stretch = (mine[0] >> _SHIFT) - step if mine else 0
        decoding[r] = running
        if not stretch:
            coming[r] = inf
            continue
        if columns:
            row = table[running or 1]
            place = (tokens[r] / running - lowest) * per_token if running else 0.0
            at = min(max(int(place), 0), columns - 1)
            lasts = row[at] + (place - at) * (row[at + 1] - row[at]) + work
        else:
            lasts = plain_s[running or 1] + work
        if began is not None:
            for j in began:
                first[j] = now + lasts
        begun[r], length[r], ahead[r] = now, lasts, stretch
        coming[r] = when = now + stretch * lasts
        heappush(events, (when, r))
    return admit, first, end, restarts


def _part_s(kinds: Kinds, kind: int, start: int, stop: int) -> float:
    """Time of a prompt's tokens from `start` to `stop` [s], between the points that `prefill_parts_s` gives."""
    parts = kinds.prefill_parts_s[kind]
    scale = (len(parts) - 1) / kinds.prompt_tokens[kind]

    def until(tokens: int) -> float:
        place = tokens * scale
        at = min(int(place), len(parts) - 2)
        return parts[at] + (place - at) * (parts[at + 1] - parts[at])

    return until(stop) - until(start)
