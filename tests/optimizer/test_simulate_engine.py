"""The engine of the simulation against queueing theory, against a slow reference, and against itself."""

from __future__ import annotations

import numpy as np
import pytest

from optimizer.simulate_engine import DISPATCH, Kinds, Machine, Outage, run_pool
from optimizer.simulate_pool import measured, simulate_pool
from physics.queueing import erlang_c
from tests.optimizer.slow_pool import slow_pool

STEP = 1e-3


def kinds_of(
    prompt: list[int], prefill: list[float], steps: list[int], context: list[float] | None = None, parts: int = 1
) -> Kinds:
    """Kinds whose prefill grows evenly with the tokens."""
    cumulative = [[seconds * k / parts for k in range(parts + 1)] for seconds in prefill]
    pages = [(tokens + count) // 16 + 1 for tokens, count in zip(prompt, steps, strict=True)]
    return Kinds(prompt, prefill, steps, context or [1.0] * len(prompt), pages, cumulative)


def machine_of(slots: int, base: float = 0.0, each: float = 0.0, step: float = STEP, **more: int) -> Machine:
    """A step of ``step (1 + base + each k)`` seconds with k decoding requests."""
    table = step * (1 + base + each * np.arange(slots + 1.0))[:, None]
    return Machine(slots, table, np.array([1.0]), **more)


def poisson(rate: float, count: int, seed: int) -> np.ndarray:
    return np.cumsum(np.random.default_rng(seed).exponential(1 / rate, count))


@pytest.mark.parametrize(("slots", "load"), [(1, 0.6), (4, 0.8), (16, 0.85)])
def test_slots_with_exponential_holding_times_are_erlangs_queue(slots: int, load: float) -> None:
    """Requests without prompt whose steps are exponential in number; the wait for a slot is that of M/M/c."""
    count, mean = 150_000, 1.0
    steps = np.ceil(np.random.default_rng(1).exponential(mean / STEP, count)).astype(int)
    lengths, kind = np.unique(steps, return_inverse=True)
    kinds = kinds_of([0] * len(lengths), [0.0] * len(lengths), lengths.tolist())
    arrive = poisson(load * slots / mean, count, 2)
    run = run_pool(arrive, kind, kinds, machine_of(slots), 1)
    wait = (run.admit_s - arrive)[5_000:]
    waits = float(erlang_c(slots, load * slots))
    assert np.mean(wait > STEP) == pytest.approx(waits, abs=0.02)
    assert wait.mean() == pytest.approx(waits * mean / (slots * (1 - load)) + STEP / 2, rel=0.08)


@pytest.mark.parametrize("load", [0.5, 0.8])
def test_one_slot_with_fixed_holding_time_is_the_queue_of_fixed_service(load: float) -> None:
    """M/D/1: mean wait rho S / (2 (1 - rho))."""
    steps, count = 1_000, 120_000
    arrive = poisson(load / (steps * STEP), count, 3)
    run = run_pool(arrive, np.zeros(count, int), kinds_of([0], [0.0], [steps]), machine_of(1), 1)
    wait = (run.admit_s - arrive)[5_000:].mean()
    assert wait == pytest.approx(load / (2 * (1 - load)), rel=0.05)


def test_the_prefill_queue_is_one_of_fixed_service() -> None:
    """Prompts that fill a step are served one at a time: M/D/1 with service t_pre + one step."""
    prefill, count = 0.05, 60_000
    kinds = kinds_of([8192], [prefill], [0])
    arrive = poisson(0.7 / (prefill + STEP), count, 4)
    run = run_pool(arrive, np.zeros(count, int), kinds, machine_of(1), 1)
    assert (run.admit_s - arrive)[3_000:].mean() == pytest.approx(0.7 / 0.6 * (prefill + STEP), rel=0.05)


@pytest.mark.parametrize("replicas", [1, 3])
def test_littles_law(replicas: int) -> None:
    """Mean number in the pool, counted over time, is rate x mean time in it."""
    count, rate = 20_000, 20.0 * replicas
    arrive = poisson(rate, count, 5)
    kinds = kinds_of([512], [0.004], [200])
    run = run_pool(arrive, np.zeros(count, int), kinds, machine_of(24, each=0.05), replicas)
    ask = np.linspace(arrive[2_000], arrive[-2_000], 20_001)
    inside = np.searchsorted(arrive, ask) - np.searchsorted(np.sort(run.end_s), ask)
    during = slice(2_000, -2_000)
    seen = (count - 4_000) / (arrive[-2_000] - arrive[2_000])
    assert inside.mean() == pytest.approx(seen * (run.end_s - arrive)[during].mean(), rel=0.02)
    assert run.end_s.min() > 0


CASES = {
    "alike": (kinds_of([512], [0.03], [60]), machine_of(8, 10, 0.5), 2, 12.0),
    "no prompt": (kinds_of([0], [0.0], [40]), machine_of(6, 10, 0.5), 2, 20.0),
    "one token": (kinds_of([700], [0.03], [0]), machine_of(20, 10), 2, 40.0),
    "long prompts": (
        kinds_of([3_000, 100], [0.3, 0.01], [30, 80], parts=7),
        machine_of(6, 10, step_tokens=512),
        2,
        4.0,
    ),
    "shapes": (
        kinds_of([512, 64, 0], [0.03, 0.005, 0.0], [50, 120, 9], [600.0, 200.0, 400.0]),
        Machine(8, 0.01 * np.add.outer(1 + 0.1 * np.arange(9.0), [0.0, 0.3, 0.9]), np.array([200.0, 400.0, 600.0])),
        3,
        24.0,
    ),
    "few pages": (kinds_of([160, 1600], [0.01, 0.1], [40, 90]), machine_of(9, 10, pages=150), 2, 8.0),
}


@pytest.mark.parametrize("name", CASES)
def test_the_engine_equals_the_slow_reference(name: str) -> None:
    """Every request is admitted, gets its first token and ends at the same time, step by step or jumped over."""
    kinds, machine, replicas, rate = CASES[name]
    count = 400
    arrive = poisson(rate, count, 6)
    kind = np.random.default_rng(7).integers(len(kinds.prompt_tokens), size=count)
    run = run_pool(arrive, kind, kinds, machine, replicas)
    slow = slow_pool(arrive.tolist(), kind.tolist(), kinds, machine, replicas)
    np.testing.assert_allclose(run.admit_s, slow["admit"], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(run.first_s, slow["first"], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(run.end_s, slow["end"], rtol=1e-9, atol=1e-9)
    assert (run.admit_s - arrive).max() > 0.05  # somebody waited, or the case says little


@pytest.mark.parametrize("dispatch", DISPATCH)
def test_the_same_seed_gives_the_same_requests(dispatch: str) -> None:
    """To the last bit."""
    first, again, other = (
        simulate_pool([0.03], [0.02] * 33, [255], [512], 4, 15.0, 2_000, seed, dispatch=dispatch) for seed in (1, 1, 2)
    )
    assert np.array_equal(first.ttft_s, again.ttft_s) and np.array_equal(first.e2e_s, again.e2e_s)
    assert not np.array_equal(first.ttft_s, other.ttft_s)


def test_a_dead_replica_throws_its_requests_on_the_others_and_comes_back() -> None:
    """Nothing is lost, each restart is counted, and the replica serves again."""
    count = 3_000
    arrive, kinds, machine = poisson(20.0, count, 8), kinds_of([512], [0.01], [100]), machine_of(40, 9)
    whole = run_pool(arrive, np.zeros(count, int), kinds, machine, 3)
    hurt = run_pool(arrive, np.zeros(count, int), kinds, machine, 3, [Outage(1, 50.0, 90.0)])
    before = whole.end_s < 50.0
    assert np.array_equal(whole.end_s[before], hurt.end_s[before])
    assert hurt.restarts > 3 and np.isfinite(hurt.end_s).all()
    during = (arrive > 60.0) & (arrive < 80.0)
    assert (hurt.end_s - arrive)[during].mean() > (whole.end_s - arrive)[during].mean()
    late = arrive > 120.0
    assert (hurt.end_s - arrive)[late].mean() == pytest.approx((whole.end_s - arrive)[late].mean(), rel=0.02)


def test_a_pool_without_replicas_keeps_its_requests_until_one_is_back() -> None:
    """All replicas away: requests wait; for ever where none returns."""
    arrive, kinds = np.arange(1.0, 11.0), kinds_of([0], [0.0], [100])
    back = run_pool(arrive, np.zeros(10, int), kinds, machine_of(4), 1, [Outage(0, 4.5, 7.5)])
    assert back.admit_s[4] == 7.5 and np.isfinite(back.end_s).all()
    gone = run_pool(arrive, np.zeros(10, int), kinds, machine_of(4), 1, [Outage(0, 4.55)])
    assert np.isfinite(gone.end_s[:4]).all() and np.isnan(gone.end_s[4:]).all()


def test_a_closed_loop_keeps_its_clients_in_flight() -> None:
    """The next request follows the end of another at once."""
    kinds = kinds_of([512], [0.01], [50])
    run = run_pool(np.zeros(0), np.zeros(40, int), kinds, machine_of(4, 9), 1, clients=4)
    assert np.array_equal(run.arrive_s[:4], np.zeros(4))
    assert np.array_equal(np.sort(run.arrive_s[4:]), np.sort(run.end_s)[:36])
    assert measured(run, kinds).itl_s.mean() > 0.01
