"""The check's own physics: numbers by hand and from textbooks, and the same as the tables that it never reads."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from optimizer.verify_latency import (
    Waits,
    erlang_c,
    exact_utilisation,
    first_token_s,
    prefill_bands,
    usable_utilisation,
)
from optimizer.verify_physics import HOST_S_PER_REQUEST, itl_at, kv_room_bytes, running
from optimizer.verify_types import Way
from physics.pricing import gather, hardware, price
from physics.queueing import erlang_c as tabled_erlang_c
from physics.queueing import wait_survival
from physics.tail_latency import ttft_mix_quantile_s, ttft_quantile_s, usable_utilisation_mix
from physics.tail_latency import usable_utilisation as tabled_utilisation
from scenarios import load_catalog

CATALOG = load_catalog()
SHORT = SimpleNamespace(prompt_tokens=512, output_tokens=256, cached_context_tokens=0)
LONG = SimpleNamespace(prompt_tokens=9000, output_tokens=64, cached_context_tokens=1000)
CACHED = SimpleNamespace(prompt_tokens=0, output_tokens=1, cached_context_tokens=2048)


def ways() -> list[tuple[str, Way]]:
    """Dense, mixture of experts and latent attention; tensor, pipeline and expert parallel; four generations."""
    rng, found = random.Random(7), []
    for model in (
        "llama-3-70b",
        "llama-3.1-8b",
        "qwen3-32b",
        "mixtral-8x7b",
        "deepseek-v3",
        "gpt-oss-120b",
        "glm-5",
        "qwen3.5-397b-a17b",
        "gemma-3-27b",
    ):
        for accelerator in ("h100-sxm", "b200-sxm", "mi300x", "l4", "a100-80"):
            native = CATALOG.accelerators[accelerator].peak_flop_per_s
            for precision in ("bf16", "fp8", "fp4", "int8", "int4"):
                if precision != "int4" and precision not in native:
                    continue
                tensor, stages = rng.choice((1, 2, 4, 8)), rng.choice((1, 1, 2, 4))
                kv, batch = rng.choice(("bf16", "fp8")), rng.choice((4, 32, 200))
                way = Way("chat", accelerator, precision, kv, tensor, stages, rng.choice((1, tensor)), batch)
                found.append((model, way))
    return found


@pytest.mark.parametrize("shape", [SHORT, LONG, CACHED], ids=["short", "long", "cached"])
def test_the_same_numbers_as_the_table(shape) -> None:
    for name, way in ways():
        model, accelerator = CATALOG.models[name], CATALOG.accelerators[way.accelerator]
        efficiency = CATALOG.efficiency(way.accelerator)
        chip = hardware(accelerator, efficiency, way.precision, way.kv_precision)
        assert chip is not None
        runs = gather([chip], [0], way.tensor_parallel, way.batch, way.pipeline_parallel, way.expert_parallel)
        table = price(model, runs, [shape])
        own = running(model, accelerator, efficiency, way, shape)
        for mine, theirs in (
            (own.prefill_s, table.prefill_s),
            (own.occupancy_s, table.prefill_occupancy_s),
            (own.step_s, table.decode_step_s),
            (own.itl_s, table.itl_s),
            (own.rate, table.requests_per_s),
            (own.holding_s, table.residence_s),
            (own.kv_bytes, table.kv_bytes_per_request),
            (own.flop_share, table.flop_fraction),
            (own.bandwidth_share, table.bandwidth_fraction),
        ):
            assert mine == pytest.approx(theirs[0, 0], rel=1e-9), (name, way)
        assert max(0.0, kv_room_bytes(model, accelerator, way)) == pytest.approx(table.kv_capacity_bytes[0], rel=1e-9)


def test_a_dense_step_by_hand() -> None:
    """One layer of 2 heads on a round-numbered device, added up on paper."""
    model = SimpleNamespace(
        attention_params=600.0,
        dense_params=300.0,
        expert_params=0.0,
        embedding_params=50.0,
        head_params=100.0,
        params_active_nonembed=900.0,
        experts=0,
        is_mla=False,
        layers=1,
        hidden=8,
        heads=2,
        kv_heads=2,
        head_dim=4,
        window_layers=0,
        linear_layers=0,
        moe_layers=0,
        sliding_window=0,
        sparse_tokens=0,
        index_heads=0,
        index_dim=0,
        block_scaled_fp8=False,
        mxfp4=False,
    )
    device = SimpleNamespace(
        peak_flop_per_s={"bf16": 1e6},
        hbm_bytes_per_s=1e5,
        link_bytes_per_s=1e4,
        fabric_bytes_per_s=None,
        scaleup_domain=2,
    )
    fitted = SimpleNamespace(
        speed=1.0,
        prefill_compute=0.5,
        decode_compute=0.5,
        decode_bandwidth=0.5,
        link_efficiency=0.5,
        layer_overhead_s=0.001,
        step_overhead_s=0.002,
        allreduce_latency_s=0.003,
    )
    shape = SimpleNamespace(prompt_tokens=10, output_tokens=5, cached_context_tokens=0)
    run = running(model, device, fitted, Way("w", "d", "bf16", "bf16", 2, 1, 1, 4), shape)
    # 2 x 900 x 10 + 2 x 1 x 8 x 100 FLOP over two devices at half of 1e6; two all-reduces of 10 x 8 x 2 bytes.
    assert run.prefill_s == pytest.approx(19600 / 1e6 + 2 * (2 * 1 / 2 * 160 / 5e3))
    # 1000 weights of 2 bytes over 2 devices; 16 elements x 2 bytes x 4 requests x 12.5 tokens over 2 heads; 5e4 B/s.
    reading = (1000 + 16 * 2 * 4 * 12.5 / 2) / 5e4
    meeting = 2 * 1 / 2 * (4 * 8 * 2 / 5e3 + 0.003)
    assert run.step_s == pytest.approx(reading + 0.001 + 2 * meeting + 0.002 + 4 * HOST_S_PER_REQUEST)
    assert run.decode_steps == 4
    assert run.itl_s == pytest.approx(run.step_s + 4 * run.prefill_s / 4)
    assert run.rate == pytest.approx(4 / (4 * run.step_s + 4 * run.prefill_s))
    assert run.kv_bytes == 16 * 2 * 16  # 15 tokens take a whole page of 16


def test_no_way_exceeds_the_peaks() -> None:
    for name, way in ways():
        model, accelerator = CATALOG.models[name], CATALOG.accelerators[way.accelerator]
        run = running(model, accelerator, CATALOG.efficiency(way.accelerator), way, SHORT)
        assert 0 < run.flop_share <= 1 and 0 < run.bandwidth_share <= 1


def test_erlang_c_of_the_textbook() -> None:
    assert erlang_c(10, 9) == pytest.approx(0.668732, abs=1e-6)
    assert erlang_c(1, 0.3) == pytest.approx(0.3)
    assert erlang_c(2, 1.0) == pytest.approx(1 / 3)
    assert erlang_c(5, 0) == 0 and erlang_c(5, 5) == 1


def test_erlang_c_between_whole_servers() -> None:
    for servers, load in ((2.5, 1.3), (16.4, 14.0), (1.01, 0.2), (700.3, 650.0)):
        assert erlang_c(servers, load) == pytest.approx(float(tabled_erlang_c(servers, load)), rel=1e-8)


def some_run(rng: random.Random):
    """A run with times of a server's order."""
    way = Way("chat", "h100-sxm", "fp8", "bf16", rng.choice((1, 2)), 1, 1, rng.choice((4, 16, 64)))
    shape = SimpleNamespace(
        prompt_tokens=rng.choice((0, 100, 800, 4000)), output_tokens=rng.randrange(2, 300), cached_context_tokens=0
    )
    model = CATALOG.models["llama-3.1-8b"]
    return running(model, CATALOG.accelerators["h100-sxm"], CATALOG.efficiency("h100-sxm"), way, shape), way.batch


def some_waits(**changes: float) -> Waits:
    """A pool of one replica without slope, and what a test changes of it."""
    plain = Waits(1.0, 16.0, 0.8, 0.5, 0.05, 0.5, 0.03, 0.6, 0.2, 0.1)
    return replace(plain, **changes)


def test_waits_against_a_million_draws() -> None:
    """The law of the sums of waits, drawn instead of integrated: prompts that share a step, and prompts in turn."""
    draw, size, u = np.random.default_rng(1), 1_000_000, 0.9
    for law in (some_waits(), some_waits(prefill_size_s=0.4), some_waits(turn_load=0.9, turn_residual_s=0.4)):
        load = u * law.prefill_load
        ripple = load * law.prefill_size_s / (1 - load**2)
        step = law.step_s / (1 - load) + ripple
        mean, variance = load * step, load * law.prefill_size_s * step + (0.5 + load) ** 2 * ripple * step
        deviation = math.sqrt(variance)
        wide = (variance / mean + mean) / 2
        often = min(max(mean / wide, math.e * 0.01), mean / law.prefill_size_s, 1.0)
        narrow = draw.exponential(deviation, size)
        others = narrow if deviation < mean else draw.exponential(wide, size) * (draw.random(size) < often)
        together = max(0.0, mean - deviation / 2) + others + draw.uniform(0, step, size)
        turns, met = u * law.turn_load, u * law.meeting
        hit = draw.random(size) < max(met, turns) * min(met / 0.3, 1.0) ** 0
        ahead = draw.exponential(1.25 * law.turn_residual_s / (1 - turns), size) * (draw.random(size) < turns)
        rest = np.where(hit, ahead + draw.uniform(0, law.prefill_size_s + law.step_s, size), draw.uniform(0, 0.2, size))
        peaked = 1 / (1 - load) ** 2
        waits_too = draw.random(size) < min(1.0, 2 * erlang_c(16 / peaked, u * 16 / peaked))
        slot = waits_too * draw.exponential(0.8 / 16 * math.sqrt(peaked) / (1 - u), size)
        for limit in (0.15, 0.3, 0.6, 1.2):
            drawn = max((0.1 + slot + part > limit).mean() for part in (together, rest))
            assert law.beyond(limit, u, 0.01) == pytest.approx(drawn, abs=2e-3)


def test_waits_where_two_means_meet() -> None:
    for shift in (0.0, 1e-9, 1e-5, 3e-4, 1e-2):
        law = some_waits(turn_residual_s=0.1, turn_load=0.5, prefill_load=0.01, meeting=1.0, prefill_size_s=0.3)
        slot = 1.25 * 0.1 / (1 - 0.45) * (1 + shift)  # the mean of the queue, and one that is nearly the same
        peaked = 1 / (1 - 0.009) ** 2
        law = replace(law, slot_residual_s=slot * 16 * 0.1 / math.sqrt(peaked))
        hit, ahead, queue = 0.9, 0.45, 1.25 * 0.1 / 0.55
        waiting = min(1.0, 2 * float(tabled_erlang_c(16 / peaked, 0.9 * 16 / peaked)))
        table = hit * wait_survival(0.8, waiting, slot, ahead, queue, 0.5)
        table = table + (1 - hit) * wait_survival(0.8, waiting, slot, 0.0, 1.0, 0.2)
        assert law.beyond(0.9, 0.9, 0.01) == pytest.approx(float(table), rel=1e-6)


def test_usable_utilisation_as_declared() -> None:
    rng = random.Random(11)
    for _ in range(90):
        run, batch = some_run(rng)
        size, percentile = rng.choice((1, 2, 5, 30)), rng.choice((50, 95, 99))
        limit = run.prefill_s + run.step_s * rng.uniform(0.9, 12)
        most = rng.choice((0.5, 0.95, 1.0))
        figures, chunks = (size, batch, run.prefill_s, run.step_s, run.decode_steps, run.rate), run.prompt_steps
        own = usable_utilisation([run], size, batch, limit, percentile, most)
        assert own == pytest.approx(float(tabled_utilisation(limit, *figures, percentile, most, chunks)), abs=1e-9)
        exact = exact_utilisation([run], size, batch, limit, percentile, most)
        assert own == 0.0 or (own <= exact <= most and exact - own < 1 / 200 + 1e-12)
        if 0 < own < 1:
            told = first_token_s([run], [1.0], size, batch, own, percentile)
            assert told == pytest.approx(float(ttft_quantile_s(own, *figures, percentile, chunks)), rel=1e-6)
            assert told <= limit * (1 + 1e-9)
    unlimited = usable_utilisation([run], 3, batch, math.inf, 99, 0.95)
    assert unlimited == pytest.approx(0.95) or run.rate * (run.prefill_s + run.step_s * run.prompt_steps) * 0.95 >= 1


def test_mixed_shapes_as_declared() -> None:
    rng = random.Random(5)
    for _ in range(35):
        parts = [some_run(rng)[0] for _ in range(rng.choice((2, 3)))]
        batch, size = rng.choice((4, 16)), rng.choice((1, 4))
        parts = [replace(run, rate=batch / (run.decode_steps * run.step_s + batch * run.occupancy_s)) for run in parts]
        limit = max(run.prefill_s + run.step_s for run in parts) * rng.uniform(1.5, 12)
        columns = [
            np.array([getattr(run, name) for run in parts]) for name in ("prefill_s", "step_s", "decode_steps", "rate")
        ]
        chunks = np.array([run.prompt_steps for run in parts])
        own = usable_utilisation(parts, size, batch, limit, 99, 0.95)
        assert own == pytest.approx(
            float(usable_utilisation_mix(limit, size, batch, *columns, 99, 0.95, chunks)), abs=1e-9
        )
        loads = [rng.uniform(0.1, 2) for _ in parts]
        if own > 0:
            told = first_token_s(parts, loads, size, batch, own, 99)
            table = ttft_mix_quantile_s(own, size, batch, *columns, np.array(loads), 99, chunks)
            assert told == pytest.approx(float(table), rel=1e-6)


def test_prefill_bands_cover_every_mix() -> None:
    rng = random.Random(2)
    loads, services = (0.2, 0.5, 0.9), (0.01, 0.4, 0.1)
    bands = prefill_bands(loads, services)
    for _ in range(2000):
        weights = [rng.expovariate(1) for _ in loads]
        share = [weight / sum(weights) for weight in weights]
        load = sum(w * each for w, each in zip(share, loads, strict=True))
        rest = sum(w * each * s for w, each, s in zip(share, loads, services, strict=True)) / load / 2
        assert any(load <= top + 1e-12 and rest <= most + 1e-12 for top, most in bands)


def test_itl_percentile_lies_above_the_mean() -> None:
    run, batch = some_run(random.Random(4))
    assert itl_at(run, batch, "mean") == run.itl_s
    landed = batch + 2.3263478740408408 * math.sqrt(batch)
    assert itl_at(run, batch, 99) == pytest.approx(run.step_s + run.occupancy_s * landed / run.decode_steps)
    assert itl_at(run, batch, 50) == pytest.approx(run.itl_s)
