"""The cheat sheet's numbers of walls 14 to 22, one function per golden call; `plain_answers` has the rest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from physics import checkpoint, communication, compute, fragility, memory, multi_tenant, safety, synthesis

Inputs = Mapping[str, Any]
LAYER_TAX_S = 1e-5


def distributed(x: Inputs) -> dict[str, Any]:
    """A training step over 64 H100; 3 x 2 P FLOP per token, three layer taxes (forward and twice backward)."""
    model, t, p = x["model"], x["tp_size"], x["pp_size"]
    ranks = x["nodes"] * x["accels_per_node"] // (t * p)
    samples, micro = x["batch_size"] // ranks, x.get("microbatch_count", 1)
    flop = 3.0 * compute.forward_flop(model["params"], x["seq_len"]) * samples
    step = compute.compute_s(flop, 989e12 * t * p, x["efficiency"]) + 1e-5 + 3.0 * model["layers"] * LAYER_TAX_S
    fabric, hidden = (x["fabric_bw_GB_s"] * 1e9, x["fabric_lat_us"] * 1e-6), model["hidden"]
    data, exposed = (
        communication.plain_data_parallel_s(model["params"], t * p, ranks, *fabric, overlap=overlap)
        for overlap in (0.0, 0.85 if x.get("overlap_comm") else 0.0)
    )
    link = x["intra_bw_GB_s"] * 1e9, x["nvlink_lat_us"] * 1e-6
    tensor = communication.plain_tensor_parallel_s(samples, x["seq_len"], hidden, model["layers"] / p, t, *link)
    bubble = communication.plain_bubble_fraction(p, micro)
    idle = step * bubble / (1.0 - bubble)
    total = step + exposed + tensor + idle
    in_flight = max(1, micro // p) if p > 1 else 1
    held = memory.plain_training_bytes(
        model["params"], t * p, model["layers"] / p, x["seq_len"], samples / in_flight, hidden, t, pipelined=p > 1
    )
    return {
        "dp_communication_latency": data,
        "tp_communication_latency": tensor,
        "ep_communication_latency": 0.0,
        "communication_latency": data + tensor,
        "pipeline_bubble_latency": idle * 1e3,
        "bubble_fraction": bubble,
        "step_latency_total": total * 1e3,
        "scaling_efficiency": step / total,
        "effective_throughput": ranks * samples / step * (step / total),
        "parallelism": {"dp": ranks, "tp": t, "pp": p, "ep": 1},
        "node_profile_latency_ms": step * 1e3,
        "node_profile_memory_GB": held / 1e9,
        "node_profile_feasible": held <= 85899345920,
    }


def reliability(x: Inputs) -> dict[str, Any]:
    parts = [
        (x["gpus_per_node"], x["gpu_mttf_h"] * 3600.0),
        (x["nics_per_node"], x["nic_mttf_h"] * 3600.0),
        (x["series_psus"], x["psu_mttf_h"] * 3600.0),
    ]
    mtbf = fragility.fleet_mtbf_s(fragility.node_mtbf_s(parts), x["nodes"])
    job, interval = x["job_h"] * 3600.0, fragility.young_daly_interval_s(x["ckpt_s"], mtbf)
    return {
        "fleet_mtbf": mtbf / 3600.0,
        "failure_probability": fragility.failure_probability(job, mtbf),
        "optimal_checkpoint_interval": interval,
        "expected_failures": job / mtbf,
        "goodput_ratio": fragility.plain_goodput(x["ckpt_s"], interval, x["recovery_s"], mtbf),
    }


def share(x: Inputs) -> dict[str, Any]:
    load = x["arrivals_per_day"] * x["job_days"]
    return {
        "cluster_utilization": load,
        "avg_wait_time_days": multi_tenant.wait_s(x["arrivals_per_day"], x["job_days"]),
        "avg_queue_length": multi_tenant.queue_length(x["arrivals_per_day"], x["job_days"]),
        "is_stable": load < 1.0,
    }


def save(x: Inputs) -> dict[str, Any]:
    size = checkpoint.checkpoint_bytes(x["params"], x["bytes_per_param"])
    seconds = checkpoint.write_s(size, x["n_writers"], x["storage_B_s"], x["fs_limit_GB_s"] * 1e9)
    return {
        "checkpoint_size": size / 1e9,
        "write_time_seconds": seconds,
        "max_bandwidth_required": x["storage_B_s"] / 1e9,
        "storage_bottleneck": seconds > 60.0,
        "mfu_penalty_pct": checkpoint.time_lost(seconds, x["interval_h"] * 3600.0),
    }


def protect(x: Inputs) -> dict[str, Any]:
    slower, more = safety.private_slowdown(x["epsilon"]), safety.data_for_subgroup(x["prev"])
    return {
        "dp_slowdown_factor": slower,
        "effective_training_time": x["base_h"] * slower,
        "additional_data_requirement": more,
        "epsilon": x["epsilon"],
        "delta": x["delta"],
        "min_subgroup_prevalence": x["prev"],
        "privacy_cost_ratio": slower,
        "fairness_data_ratio": more,
    }


def design(x: Inputs) -> dict[str, Any]:
    weights, target = memory.plain_weight_bytes(x["model"]["params"], 2.0), x["target_ms"] / 1e3
    bandwidth = synthesis.required_bytes_per_s(weights, target)
    rate = synthesis.required_flop_per_s(x["inference_flops"], target, x["efficiency"])
    return {
        "required_bw": bandwidth / 1e9,
        "required_flops": rate / 1e12,
        "required_memory": weights / 1e9,
        "compute_memory_ratio": rate / bandwidth,
        "target_latency": x["target_ms"],
        "model_size": weights / 1e9,
        "total_ops": x["inference_flops"],
    }
