"""Wall 7: the plain equation against golden numbers, the fleet form against a step-by-step replica, and its limits."""

from __future__ import annotations

import math
import time
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from physics.pool_waits import row_waits, usable_within
from physics.queueing import erlang_c
from physics.tail_latency import (
    UTILISATION_STEP,
    WALL,
    itl_p99_s,
    plain_headroom_ratio,
    plain_latency_quantile_s,
    plain_utilisation,
    token_itl_p99_s,
    ttft_mix_quantile_s,
    ttft_quantile_s,
    usable_utilisation,
    usable_utilisation_mix,
)

# mlsysim 0.3.0, TailLatencyModel: arrivals/s, service ms, replicas, cv -> P50 ms, P99 ms, utilisation, headroom ratio.
GOLDEN = [
    (90, 100, 10, 1.0, 129.07745719038704, 520.2797577332017, 0.9, 0.8405595154664034),
    (900, 100, 100, 1.0, 100.0, 130.77037941386894, 0.9, 0.061540758827737886),
    (90, 100, 10, 0.5, 118.1734107439919, 362.67484858325105, 0.9, 0.5253496971665021),
]


@pytest.mark.parametrize(("rate", "service_ms", "servers", "cv", "p50", "p99", "busy", "headroom"), GOLDEN)
def test_plain_equation_is_golden(rate, service_ms, servers, cv, p50, p99, busy, headroom) -> None:
    service = service_ms / 1e3
    assert 1e3 * plain_latency_quantile_s(rate, service, servers, 50, cv) == pytest.approx(p50, rel=1e-9)
    assert 1e3 * plain_latency_quantile_s(rate, service, servers, 99, cv) == pytest.approx(p99, rel=1e-9)
    assert plain_utilisation(rate, service, servers) == pytest.approx(busy, rel=1e-12)
    assert plain_headroom_ratio(rate, service, servers, cv) == pytest.approx(headroom, rel=1e-9)


def test_plain_equation_has_no_finite_tail_when_saturated() -> None:
    assert plain_latency_quantile_s(100, 0.1, 10, 99) == np.inf
    assert plain_latency_quantile_s(110, 0.1, 10, 50) == np.inf


# ---- the fleet form in its limits -----------------------------------------------------------------------------------


def rate_of(batch, prefill_s, step_s, steps):
    """mu of a full replica."""
    return batch / (steps * step_s + batch * prefill_s)


def test_idle_pool_is_half_a_step_and_its_own_work() -> None:
    mu = rate_of(8, 0.1, 0.02, 50)
    assert ttft_quantile_s(0.0, 3, 8, 0.1, 0.02, 50, mu, 50) == pytest.approx(0.01 + 0.12)
    assert ttft_quantile_s(0.0, 3, 8, 0.1, 0.02, 50, mu, 99) == pytest.approx(0.99 * 0.02 + 0.12)
    # A prompt of two and a half budgets goes in three chunks, each in a step of its own.
    assert ttft_quantile_s(0.0, 3, 8, 0.1, 0.02, 50, mu, 50, 2.5) == pytest.approx(0.01 + 0.1 + 3 * 0.02)


def md1_wait_quantile_s(load, service_s, share) -> float:
    """Quantile of the wait in M/D/1, by Erlang's sum."""

    def within(wait: float) -> float:
        whole = int(wait / service_s)
        terms = (
            (-load * (k - wait / service_s)) ** k
            / math.factorial(k)
            * math.exp(-load * (k - wait / service_s))
            * (-1) ** k
            for k in range(whole + 1)
        )
        return (1 - load) * sum((-1) ** k * abs(term) for k, term in enumerate(terms))

    low, high = 0.0, 20 * service_s
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if within(middle) < share else (low, middle)
    return high


@pytest.mark.parametrize("load", [0.2, 0.5, 0.7])
def test_many_slots_leave_only_the_prompts_before_md1(load) -> None:
    # Slots never run out, one output token, one prompt fills a step: M/D/1 on a replica alone.
    service = 0.1
    exact = service + md1_wait_quantile_s(load, service, 0.99)
    form = float(ttft_quantile_s(load, 1, 4096, service, 0.02, 0, 1.0 / service, 99, 1.0))
    assert exact < form < 1.45 * exact


def test_without_prompts_only_slots_and_the_step_count() -> None:
    pool = row_waits(3, 10, 0.0, 0.02, 50, rate_of(10, 0.0, 0.02, 50))
    load = np.asarray(0.9)
    assert pool.slot_share(load) == pytest.approx(min(1.0, 2 * float(erlang_c(30, 27))))
    assert pool.slot_mean_s(load) == pytest.approx(1.0 / 2 / 30 * (1 / 0.1 + 2))
    for mix in pool.laws(load, 0.01):
        assert sum(float(share * (law.queue_share * law.queue_mean_s + law.shift_s)) for share, law in mix) == 0.0


def test_a_replica_alone_sees_more_of_the_others_than_one_of_many() -> None:
    row = (32, 0.03, 0.02, 255, rate_of(32, 0.03, 0.02, 255))
    p99 = [float(ttft_quantile_s(0.4, n, *row, 99)) for n in (1, 2, 8, 64)]
    assert all(more >= fewer for more, fewer in pairwise(p99)) and p99[0] > 1.2 * p99[-1]


def test_unstable_pools_have_no_quantile() -> None:
    assert ttft_quantile_s(1.0, 1, 8, 0.1, 0.02, 50, 4.0, 99) == np.inf
    # More slots than decode steps, prompts that fill a step each: they saturate before the slots do.
    mu = rate_of(64, 0.05, 0.05, 2)
    assert mu * 0.1 > 1.0
    assert ttft_quantile_s(0.95, 1, 64, 0.05, 0.05, 2, mu, 99, 1.0) == np.inf
    assert usable_utilisation(np.inf, 1, 64, 0.05, 0.05, 2, mu, 99, 1.0, 1.0) * mu * 0.1 < 1.0
    assert ttft_quantile_s(0.95, 1, 64, 0.05, 0.05, 2, mu, 99) < np.inf  # short ones share steps


# ---- usable utilisation ----------------------------------------------------------------------------------------------

ROWS = st.tuples(
    st.sampled_from([1, 2, 8, 32, 128]),  # batch
    st.one_of(st.just(0.0), st.floats(0.002, 2.0)),  # prefill
    st.floats(0.004, 0.08),  # step
    st.sampled_from([1, 4, 60, 255, 2000]),  # steps
)


@settings(max_examples=80, deadline=None)
@given(ROWS, st.integers(1, 200), st.floats(0.01, 5.0), st.sampled_from([95.0, 99.0]))
def test_usable_utilisation_is_the_last_step_within_the_limit(row, replicas, limit, percentile) -> None:
    row = (*row, rate_of(*row))
    usable = float(usable_utilisation(limit, replicas, *row, percentile, 0.95))
    assert usable <= 0.95
    assert usable / UTILISATION_STEP == pytest.approx(round(usable / UTILISATION_STEP), abs=1e-9)
    if usable > 0.0:
        assert ttft_quantile_s(usable, replicas, *row, percentile) <= limit + 1e-6
    if usable < 0.95 - 1e-9:
        assert ttft_quantile_s(usable + UTILISATION_STEP, replicas, *row, percentile) > limit - 1e-6
    assert float(usable_utilisation(limit * 1.2, replicas, *row, percentile, 0.95)) >= usable
    assert float(usable_utilisation(limit, replicas + 1, *row, percentile, 0.95)) >= usable
    assert float(usable_utilisation(limit, replicas, *row, percentile, 0.95, 1.7)) <= usable
    assert float(usable_utilisation(limit, replicas, *row, percentile, 0.6)) == min(usable, 0.6)


@settings(max_examples=60, deadline=None)
@given(ROWS, st.integers(1, 200), st.floats(0.05, 0.9), st.sampled_from([95.0, 99.0]))
@example((128, 0.123, 0.0273, 4), 7, 0.56, 95.0)
@example((32, 0.134, 0.0768, 4), 5, 0.35, 99.0)
def test_quantile_grows_with_load_and_falls_with_pool_size(row, replicas, load, percentile) -> None:
    row = (*row, rate_of(*row))
    here = float(ttft_quantile_s(load, replicas, *row, percentile))
    assert float(ttft_quantile_s(load + 0.02, replicas, *row, percentile)) >= here - 1e-6
    assert float(ttft_quantile_s(load, replicas + 1, *row, percentile)) <= here * 1.001 + 1e-6
    assert float(ttft_quantile_s(load, replicas, *row, 99.5)) >= here - 1e-6


def test_limits_at_their_ends() -> None:
    row = (32, 0.03, 0.02, 255, rate_of(32, 0.03, 0.02, 255))
    assert usable_utilisation(0.05, 100, *row, 99, 0.95) == 0.0  # even an idle pool misses it
    assert usable_utilisation(-1.0, 100, *row, 99, 0.95) == 0.0  # the round trip alone is beyond the limit
    assert usable_utilisation(np.inf, 1, *row, 99, 0.95) == 0.95
    assert usable_utilisation(np.inf, 1, *row, 99, 1.0) == 1.0
    assert usable_utilisation(1e6, 1, *row, 99, 1.0) == 0.995
    assert usable_utilisation(0.5, 1000, *row, 99, 0.953) == 0.95
    table = usable_utilisation(np.array([[0.5], [1.0]]), np.array([1, 2, 4, 8]), *row, 99, 0.95)
    assert table.shape == (2, 4)
    assert np.all(np.diff(table, axis=1) >= 0) and np.all(np.diff(table, axis=0) >= 0)
    assert table[1, 2] == usable_utilisation(1.0, 4, *row, 99, 0.95)


def test_a_large_table_takes_about_half_a_second() -> None:
    generator, rows = np.random.default_rng(1), 20_000
    batch = 2.0 ** generator.integers(0, 9, (rows, 1))
    prefill = np.exp(generator.uniform(np.log(0.005), np.log(2.0), (rows, 1)))
    step, steps = generator.uniform(0.005, 0.05, (rows, 1)), generator.integers(1, 800, (rows, 1))
    sizes = np.array([1, 2, 3, 5, 8, 13, 32, 100])
    start = time.process_time()
    mu = rate_of(batch, prefill, step, steps)
    table = usable_utilisation(1.0, sizes, batch, prefill, step, steps, mu, 99, 0.95)
    assert time.process_time() - start < 3.0  # measured 0.45 s on one core
    assert table.shape == (rows, 8)
    assert np.all(np.diff(table, axis=1) >= 0)


# ---- mixed shapes ----------------------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(ROWS, st.integers(1, 50), st.floats(0.05, 5.0))
def test_a_mix_of_one_shape_is_that_shape(row, replicas, limit) -> None:
    batch, prefill, step, steps = row
    mu = rate_of(*row)
    one = usable_utilisation(limit, replicas, batch, prefill, step, steps, mu, 99, 0.95)
    assert usable_utilisation_mix(limit, replicas, batch, [prefill], [step], [steps], [mu], 99, 0.95) == one
    alone = ttft_quantile_s(0.6, replicas, batch, prefill, step, steps, mu, 99)
    same = ttft_mix_quantile_s(0.6, replicas, batch, [prefill], [step], [steps], [mu], [1.0], 99)
    assert same == pytest.approx(float(alone), abs=1e-6)


SHAPES = st.lists(
    st.tuples(
        st.one_of(st.just(0.0), st.floats(0.002, 3.0)), st.floats(0.01, 0.03), st.sampled_from([0, 1, 20, 255, 1500])
    ).filter(lambda shape: shape[0] > 0 or shape[2] > 0),
    min_size=2,
    max_size=4,
)


@settings(max_examples=70, deadline=None)
@given(SHAPES, st.sampled_from([1, 8, 64]), st.integers(1, 60), st.floats(0.3, 8.0), st.data())
def test_usable_utilisation_of_a_mix_is_safe_for_every_mix(shapes, batch, replicas, limit, data) -> None:
    prefill, step, steps = (np.array(column, float) for column in zip(*shapes, strict=True))
    mu = rate_of(batch, prefill, step, steps)
    usable = float(usable_utilisation_mix(limit, replicas, batch, prefill, step, steps, mu, 99, 0.95))
    weights = np.array([10.0 ** data.draw(st.floats(-4, 0)) for _ in shapes])
    if usable > 0:
        served = ttft_mix_quantile_s(usable, replicas, batch, prefill, step, steps, mu, weights, 99)
        assert served <= limit + 1e-6
    pure = [
        usable_utilisation(limit, replicas, batch, *shape, rate, 99, 0.95)
        for shape, rate in zip(shapes, mu, strict=True)
    ]
    assert usable <= min(pure) + 1e-12


def test_pure_shapes_alone_would_not_be_safe() -> None:
    """What every pure shape may do is too much for some mix of them; the answer for mixes is not."""
    prefill, step, steps, batch, limit = np.array([0.03, 0.019]), np.full(2, 0.0316), np.array([41.0, 3062.0]), 8, 0.185
    mu = rate_of(batch, prefill, step, steps)
    pure = usable_utilisation(limit, 1, batch, prefill, step, steps, mu, 99, 0.95).min()
    safe = usable_utilisation_mix(limit, 1, batch, prefill, step, steps, mu, 99, 0.95)
    slots = np.linspace(0.001, 0.999, 300)[:, None]
    weights = np.concatenate([slots, 1.0 - slots], axis=1) * mu  # from shares of slots to shares of requests
    mixes = (batch, prefill[None], step[None], steps[None], mu[None], weights, 99)
    assert 0.0 < safe < pure
    assert ttft_mix_quantile_s(pure, 1, *mixes).max() > 1.05 * limit
    assert ttft_mix_quantile_s(safe, 1, *mixes).max() <= limit


def test_mix_quantile_lies_between_its_shapes() -> None:
    batch, prefill, step, steps = 32, np.array([0.03, 0.6]), np.full(2, 0.02), np.full(2, 255.0)
    mu = rate_of(batch, prefill, step, steps)
    few, many = (ttft_mix_quantile_s(0.5, 4, batch, prefill, step, steps, mu, w, 50) for w in ([9, 1], [1, 9]))
    assert 0.05 < few < 0.2 < 0.6 < many
    rare = ttft_mix_quantile_s(0.5, 4, batch, prefill, step, steps, mu, [0.999, 0.001], 99)
    often = ttft_mix_quantile_s(0.5, 4, batch, prefill, step, steps, mu, [0.97, 0.03], 99)
    assert rare < 0.6 < often  # the slow shape counts for P99 only where it is more than a percent


# ---- between tokens --------------------------------------------------------------------------------------------------


def test_itl_tail() -> None:
    assert itl_p99_s(0.02, 0.03, 32, 255) == pytest.approx(0.02 + 0.03 * (32 + 2.326 * 32**0.5) / 255)
    assert itl_p99_s(0.02, 0.03, 32, 0) == 0.0
    assert itl_p99_s(0.02, 0.0, 32, 255) == 0.02
    assert token_itl_p99_s(0.02, 0.03) == pytest.approx(0.05)


def test_wall_says_what_it_is() -> None:
    assert (WALL.number, WALL.name) == (7, "tail_latency")
    assert set(WALL.acts) == {"gate", "rows"}


def test_without_a_limit_only_stability_and_the_cap_count() -> None:
    """In closed form; held against every step of the utilisation."""
    rng = np.random.default_rng(3)
    n = 2000
    times = (
        rng.uniform(1e-4, 3.0, n),
        rng.uniform(1e-3, 0.3, n),
        rng.integers(1, 1000, n),
        10 ** rng.uniform(-2, 3, n),
    )
    pool, cap = row_waits(rng.integers(1, 50, n), rng.integers(1, 200, n), *times), rng.uniform(0.0, 1.0, n)
    best = np.zeros(n)
    for step in range(201):
        utilisation = np.full(n, step / 200)
        best = np.where(pool.stable(utilisation) & (utilisation <= cap), utilisation, best)
    assert np.array_equal(usable_within(pool, math.inf, 99, cap), best)
    assert 0.1 < np.mean(best < np.floor(cap * 200) / 200) < 0.9


def test_a_cap_of_nothing_is_not_worked_out_and_changes_no_other_row() -> None:
    figures = (32, 0.03, 0.02, 255, 5.28)
    some = usable_utilisation(0.5, [1, 2, 8], *figures, 99, [0.95, 0.0, 0.95])
    assert some.tolist() == [0.635, 0.0, 0.875]
