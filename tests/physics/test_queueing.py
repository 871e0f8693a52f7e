"""Erlang-C against its recursion and references, and the law of the sum of waits against quadrature and sampling."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, special

from physics.queueing import (
    erlang_c,
    erlang_c_ceiling,
    poisson_wait_s,
    tail_probability,
    wait_quantile_s,
    wait_survival,
)


def recursion(servers: int, load: float) -> float:
    """Erlang-C by the exact recursion of Erlang-B."""
    blocking = 1.0
    for k in range(1, servers + 1):
        blocking = load * blocking / (k + load * blocking)
    rho = load / servers
    return blocking / (1.0 - rho * (1.0 - blocking))


def by_incomplete_gamma(servers: float, load: float) -> float:
    """Erlang-C through B = a^c e^-a / Gamma(c + 1, a), which holds for real c."""
    density = np.exp(servers * np.log(load) - load - special.gammaln(servers + 1.0))
    blocking = density / special.gammaincc(servers + 1.0, load)
    return float(blocking / (1.0 - load / servers * (1.0 - blocking)))


@pytest.mark.parametrize("servers", [1, 2, 3, 5, 10, 17, 64, 200, 1000, 5000])
def test_erlang_c_equals_the_recursion(servers: int) -> None:
    for rho in (0.01, 0.2, 0.5, 0.8, 0.9, 0.97, 0.999):
        exact = recursion(servers, rho * servers)
        if exact > 1e-250:
            assert erlang_c(servers, rho * servers) == pytest.approx(exact, rel=1e-8)


@pytest.mark.parametrize("servers", [1.5, 7.3, 33.3, 1e3, 1e4, 1e5, 1e6])
@pytest.mark.parametrize("spare", [0.02, 0.3, 1.0, 2.5, 4.0])
def test_erlang_c_for_real_and_large_servers(servers: float, spare: float) -> None:
    load = servers - min(spare * servers**0.5, 0.9 * servers)
    # The oracle itself loses digits: its exponent is of the size of c ln c, in double precision.
    own_error = servers * np.log(servers + 1.0) * 1e-15
    assert erlang_c(servers, load) == pytest.approx(by_incomplete_gamma(servers, load), rel=1e-8 + own_error)


def test_erlang_c_in_the_limit_of_many_servers_is_halfin_whitt() -> None:
    for beta in (0.1, 0.5, 1.0, 2.0):
        density, below = np.exp(-(beta**2) / 2) / np.sqrt(2 * np.pi), special.ndtr(beta)
        limit = 1.0 / (1.0 + beta * below / density)
        assert erlang_c(1e6, 1e6 - beta * 1e3) == pytest.approx(limit, rel=5e-3)  # corrections of order 1 / sqrt(c)


def test_erlang_c_at_its_ends() -> None:
    assert erlang_c(1, 0.3) == pytest.approx(0.3, rel=1e-9)  # M/M/1
    assert erlang_c(8, 0.0) == 0.0
    assert erlang_c(8, 8.0) == 1.0
    assert erlang_c(8, 9.0) == 1.0
    assert erlang_c(1e6, 1.0) == 0.0
    assert erlang_c(np.ones((2, 1)), np.array([0.1, 0.2, 0.3])).shape == (2, 3)
    with pytest.raises(ValueError, match="at least 1 server"):
        erlang_c(0.5, 0.1)


def test_erlang_c_is_fast() -> None:
    generator = np.random.default_rng(0)
    servers = np.exp(generator.uniform(0.0, 13.8, 100_000))
    load = servers * generator.uniform(0.05, 0.99, servers.size)
    best = np.inf
    for _ in range(3):
        start = time.process_time()
        erlang_c(servers, load)
        best = min(best, time.process_time() - start)
    assert best < 0.3


@given(st.floats(1.0, 1e5), st.floats(1e-3, 0.9999))
def test_the_ceiling_is_above_and_waiting_grows_with_load(servers: float, rho: float) -> None:
    exact = float(erlang_c(servers, rho * servers))
    assert 0.0 <= exact <= 1.0
    assert float(erlang_c_ceiling(servers, rho * servers)) >= exact * (1.0 - 1e-9)
    assert float(erlang_c(servers, rho * servers * 0.99)) <= exact * (1.0 + 1e-8)
    assert float(erlang_c(servers * 1.5, rho * servers * 1.5)) <= exact * (1.0 + 1e-8)


def test_poisson_wait_is_md1_and_mm1() -> None:
    rate, service = 6.0, 0.125
    rho = rate * service
    assert poisson_wait_s(rate, service, service**2) == pytest.approx(rho * service / (2 * (1 - rho)))
    assert poisson_wait_s(rate, service, 2 * service**2) == pytest.approx(rho * service / (1 - rho))
    assert poisson_wait_s(8.0, service, service**2) == np.inf


def test_a_percentile_is_checked() -> None:
    for wrong in (0.0, 100.0, -1.0):
        with pytest.raises(ValueError, match="strictly between"):
            tail_probability(wrong)


def by_quadrature(x: float, c: float, a: float, q: float, b: float, step: float) -> float:
    """P(A + B + U > x) by integrating over the uniform and over B's density."""

    def slot(t: float) -> float:
        return 1.0 if t < 0 else c * float(np.exp(-t / a))

    def both(t: float) -> float:
        if t < 0:
            return 1.0
        convolved, _ = integrate.quad(lambda s: np.exp(-s / b) / b * slot(t - s), 0.0, t, epsabs=1e-13, epsrel=1e-12)
        return (1 - q) * slot(t) + q * (convolved + float(np.exp(-t / b)))

    if step == 0:
        return both(x)
    corner = [x] if 0 < x < step else None
    return integrate.quad(lambda v: both(x - v) / step, 0.0, step, points=corner, epsabs=1e-12, epsrel=1e-11)[0]


@pytest.mark.parametrize(
    ("c", "a", "q", "b", "step"),
    [
        (0.3, 1.0, 0.2, 0.1, 0.02),
        (0.3, 0.1, 0.6, 1.0, 0.05),
        (0.2, 0.4, 0.7, 0.4, 0.03),  # equal means
        (0.0, 0.4, 0.7, 0.4, 0.03),  # equal means of which one never comes
        (0.2, 0.4, 0.7, 0.40001, 0.03),  # nearly equal
        (0.02, 3.0, 0.4, 0.02, 0.5),  # a step longer than the queue
        (1.0, 0.2, 0.9, 0.3, 0.0),  # no step
        (0.0, 0.2, 0.9, 0.3, 0.04),
        (0.4, 0.2, 0.0, 0.3, 0.04),
    ],
)
def test_survival_and_quantile_of_the_sum(c: float, a: float, q: float, b: float, step: float) -> None:
    for x in (0.01, 0.03, 0.2, 1.0, 3.0):
        assert wait_survival(x, c, a, q, b, step) == pytest.approx(by_quadrature(x, c, a, q, b, step), abs=2e-8)
    for percentile in (50.0, 90.0, 99.0, 99.9):
        quantile, tail = float(wait_quantile_s(percentile, c, a, q, b, step)), tail_probability(percentile)
        if quantile > 1e-6:
            assert by_quadrature(quantile - 1e-6, c, a, q, b, step) >= tail
        assert by_quadrature(quantile + 1e-6, c, a, q, b, step) <= tail


def test_quantile_of_pure_parts() -> None:
    assert wait_quantile_s(99, 0, 0, 0, 0, 0.02) == pytest.approx(0.0198, abs=1e-9)  # uniform
    assert wait_quantile_s(99, 0.5, 2.0, 0, 0, 0) == pytest.approx(2.0 * np.log(50.0), abs=1e-6)
    assert wait_quantile_s(50, 0.4, 2.0, 0, 0, 0) == pytest.approx(0.0, abs=1e-9)  # most do not wait
    assert wait_survival(-0.1, 0.1, 1.0, 0.1, 1.0, 0.1) == 1.0
    assert wait_survival(np.inf, 0.1, 1.0, 0.1, 1.0, 0.1) == 0.0


SHARES = st.floats(0.0, 1.0)
MEANS = st.floats(1e-4, 50.0)


@settings(max_examples=60)
@given(SHARES, MEANS, SHARES, MEANS, st.floats(0.0, 1.0), st.sampled_from([50.0, 95.0, 99.0]))
def test_quantile_inverts_the_survival_and_is_monotone(c, a, q, b, step, percentile) -> None:
    quantile = float(wait_quantile_s(percentile, c, a, q, b, step))
    tail = tail_probability(percentile)
    scale = 1e-7 * (1.0 + a + b)
    assert wait_survival(quantile + scale, c, a, q, b, step) <= tail + 1e-9
    if quantile > scale:
        assert wait_survival(quantile - scale, c, a, q, b, step) >= tail - 1e-9
    assert float(wait_quantile_s(percentile, min(1.0, c * 1.1), a * 1.1, q, b, step)) >= quantile - scale
    assert float(wait_quantile_s(percentile, c, a, min(1.0, q * 1.1), b * 1.1, step)) >= quantile - scale
