"""What leaves the house: the same fleet in every form, valid by schema, started by a shell as planned, names inert."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

import scenarios
from optimizer.plan import Plan
from reports import export_kubernetes, export_skypilot, export_terraform
from reports.export import Target, schema_json
from reports.export_build import deployment
from reports.export_form import FILL_IN, Deployment
from reports.export_names import DEVICES, VENDORS, Labels
from reports.export_templates import quoted
from scenarios import ScenarioError

SHIPPED = ("capstone", "melange")
HOSTILE = 'x: [1]\n- "y" # {{ 7*7 }} ${HOME} $(rm -rf x) `id` \'; exit; \u2028 \x1b[31m ---\nkind: Pod'
LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
Made = Callable[[str], Deployment]


@pytest.fixture
def made(shipped_plan: Callable[[str], Plan]) -> Made:
    """The neutral form of a shipped scenario's answer."""
    return lambda name: deployment(shipped_plan(name), scenarios.load(name))


def documents(text: str) -> list[Any]:
    """What a YAML reader makes of a file."""
    return list(YAML(typ="safe", pure=True).load_all(io.StringIO(text)))


def replaced(value: Any, **by: Any) -> Any:
    """A deep copy of JSON data with the values of some keys replaced wherever they stand."""
    if isinstance(value, dict):
        return {key: by[key] if key in by else replaced(entry, **by) for key, entry in value.items()}
    return [replaced(entry, **by) for entry in value] if isinstance(value, list) else value


def changed(one: Deployment, **by: Any) -> Deployment:
    """The same deployment with the values of some keys replaced."""
    return Deployment.model_validate(replaced(one.model_dump(mode="json"), **by))


def rendered(one: Deployment) -> dict[str, str]:
    """The files of all targets."""
    return {
        **{f"skypilot/{name}": text for name, text in export_skypilot.files(one).items()},
        **{f"kubernetes/{name}": text for name, text in export_kubernetes.files(one).items()},
        **{f"terraform/{name}": text for name, text in export_terraform.files(one).items()},
    }


@pytest.mark.parametrize("name", SHIPPED)
def test_the_neutral_form_is_the_plan(name: str, made: Made, shipped_plan: Callable[[str], Plan]) -> None:
    plan, one = shipped_plan(name), made(name)
    text = one.model_dump_json()
    jsonschema.validate(json.loads(text), schema_json(Target.json))
    assert Deployment.model_validate_json(text) == one
    groups = [group for region in one.regions for group in region.node_groups]
    nodes = Counter((group.offer, group.procurement) for group in groups for _ in range(group.nodes))
    assert nodes == Counter((line.offer, line.procurement) for line in plan.nodes for _ in range(line.nodes))
    pools = [pool for region in one.regions for pool in region.pools]
    assert sorted(pool.replicas for pool in pools) == sorted(line.replicas for line in plan.lines)
    held: Counter[str] = Counter()
    for group in groups:
        for each in group.holds:
            held[each.pool] += group.nodes * each.replicas
    assert held == {pool.name: pool.replicas for pool in pools}
    assert sum(flow.requests_per_s for flow in one.traffic) == pytest.approx(
        sum(flow.requests_per_s for flow in plan.flows)
    )


@pytest.mark.parametrize("name", SHIPPED)
def test_every_file_is_valid_by_its_schema(name: str, made: Made) -> None:
    one = made(name)
    for text in export_skypilot.files(one).values():
        (task,) = documents(text)
        jsonschema.validate(task, schema_json(Target.skypilot))
    for text in export_kubernetes.files(one).values():
        for document in documents(text):
            jsonschema.validate(document, schema_json(Target.kubernetes))
    files = export_terraform.files(one)
    values = json.loads(files["argosy.auto.tfvars.json"])
    jsonschema.validate(values, schema_json(Target.terraform))
    assert set(re.findall(r'^variable "(\w+)"', files["variables.tf"], re.M)) == set(values)
    assert {pool["node_group"] for pool in values["argosy_pools"].values()} <= set(values["argosy_node_groups"])


@pytest.mark.parametrize("target", [Target.skypilot, Target.kubernetes])
def test_the_schemas_refuse_what_argosy_does_not_write(target: Target, made: Made) -> None:
    module = export_skypilot if target is Target.skypilot else export_kubernetes
    text = next(iter(module.files(made("melange")).values()))
    document = documents(text)[0]
    for wrong in ({**document, "surprise": 1}, dict(list(document.items())[1:])):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, schema_json(target))


def test_a_capstone_region_asks_for_the_devices_of_its_nodes(made: Made) -> None:
    one = made("capstone")
    for region, text in zip(one.regions, export_kubernetes.files(one).values(), strict=True):
        found = documents(text)
        deployments = [each for each in found if each["kind"] == "Deployment"]
        for resource in ("requests", "limits"):
            asked = sum(
                each["spec"]["replicas"] * container["resources"][resource]["nvidia.com/gpu"]
                for each in deployments
                for container in each["spec"]["template"]["spec"]["containers"]
            )
            assert asked == sum(pool.replicas * pool.devices_per_replica for pool in region.pools)
            assert asked <= sum(group.nodes * group.devices_per_node for group in region.node_groups)
        budgets = {each["metadata"]["name"]: each["spec"] for each in found if each["kind"] == "PodDisruptionBudget"}
        for pool in region.pools:
            # The capstone survives any node: as many replicas of a pool as one holds may be down.
            assert budgets[pool.name]["maxUnavailable"] == 8 // pool.devices_per_replica == pool.may_be_down
    assert not [each for each in documents(export_kubernetes.files(made("melange"))["aws-us-east-1.yaml"])
                if each["kind"] == "PodDisruptionBudget"]  # fmt: skip


def test_a_pool_serves_whom_the_plan_sends_to_it(made: Made, shipped_plan: Callable[[str], Plan]) -> None:
    one, plan = made("capstone"), shipped_plan("capstone")
    sent = {(flow.region, flow.origin) for flow in plan.flows if flow.requests_per_s > 0}
    could_only = 0
    for region, text in zip(one.regions, export_kubernetes.files(one).values(), strict=True):
        deployments = [each for each in documents(text) if each["kind"] == "Deployment"]
        for pool, found in zip(region.pools, deployments, strict=True):
            said = json.loads(found["metadata"]["annotations"]["argosy/serves-origins"])
            assert said == pool.receives == [name for name in pool.serves if (region.region, name) in sent]
            could_only += set(pool.receives) < set(pool.serves)
    assert could_only, "a pool is fast enough for an origin whose requests go elsewhere"
    idle = plan.model_copy(update={"fleet": [line.model_copy(update={"requests_per_s": 0.0}) for line in plan.lines]})
    nothing = deployment(idle, scenarios.load("capstone"))
    assert not [pool.receives for region in nothing.regions for pool in region.pools if pool.receives]


def test_a_header_without_a_title_has_the_name(made: Made) -> None:
    for name, text in rendered(changed(made("melange"), title="")).items():
        assert "terraform" in name or "plan for melange\n" in text


def test_engine_arguments_say_how_the_plan_runs_it(made: Made, shipped_plan: Callable[[str], Plan]) -> None:
    for pool, line in zip(
        (pool for region in made("capstone").regions for pool in region.pools),
        sorted(shipped_plan("capstone").lines, key=lambda line: line.region != "aws/us-east-1"),
        strict=True,
    ):
        words = pool.engine_arguments
        said = dict(zip(words[::2], words[1::2], strict=True))
        assert said["--tensor-parallel-size"] == str(line.tensor_parallel)
        assert said["--max-num-seqs"] == str(line.batch)
        assert said["--max-model-len"] == "768"
        assert said["--kv-cache-dtype"] == line.kv_precision
        assert said.get("--quantization") == ("fp8" if line.precision == "fp8" else None)


def test_a_shell_starts_each_replica_on_devices_of_its_own(made: Made, tmp_path: Path) -> None:
    fake = tmp_path / "vllm"
    fake.write_text(
        '#!/bin/sh\necho "$CUDA_VISIBLE_DEVICES|$*" >> "$STARTED"\n'
        'while [ ! -e "$STARTED.end" ]; do sleep 0.02; done\n',
        encoding="utf-8",
    )
    fake.chmod(0o755)
    one = made("capstone")
    pools = {pool.name: pool for region in one.regions for pool in region.pools}
    groups = {group.name: group for region in one.regions for group in region.node_groups}
    for name, text in export_skypilot.files(one).items():
        (task,), group = documents(text), groups[name.removesuffix(".yaml")]
        assert task["num_nodes"] == group.nodes
        started = tmp_path / name
        values = {key: value or "filled in" for key, value in task["envs"].items()}
        environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "STARTED": str(started), **values}
        wanted = sum(held.replicas for held in group.holds)
        # All end as soon as all have begun.
        until = f'until [ "$(cat "$STARTED" 2>/dev/null | wc -l)" -ge {wanted} ]'
        end = f'{until}; do sleep 0.02; done; touch "$STARTED.end"'
        done = subprocess.run(["bash", "-c", f"({end}) &\n{task['run']}"], env=environment, timeout=30, check=False)
        assert done.returncode == 1  # a replica that ends is a failure
        lines = [line.split("|") for line in started.read_text(encoding="utf-8").splitlines()]
        devices = [int(device) for seen, _ in lines for device in seen.split(",")]
        assert len(lines) == wanted
        assert sorted(devices) == list(range(len(devices))) and len(devices) <= group.devices_per_node
        ports = {re.search(r"--port (\d+)", words)[1] for _, words in lines}  # type: ignore[index]
        assert len(ports) == wanted
        for held in group.holds:
            said = " ".join(pools[held.pool].engine_arguments)
            assert sum(words.endswith(said) for _, words in lines) == held.replicas


def test_where_only_the_user_knows_it_says_so(made: Made) -> None:
    one = made("capstone")
    fp8, fp4 = sorted(one.models, key=lambda model: model.precision, reverse=True)
    assert fp8.checkpoint == "meta-llama/Meta-Llama-3-70B"
    # FP8 is made while loading; no checkpoint of the catalog has FP4.
    assert fp4.checkpoint == f"{FILL_IN}: a checkpoint of meta-llama/Meta-Llama-3-70B in fp4"
    task = documents(export_skypilot.files(one)["us-east-1-b200-sxm-owned.yaml"])[0]
    assert task["envs"]["MODEL_CHAT_FP4"] is None  # SkyPilot does not start without it
    assert task["resources"] == {
        "infra": f"k8s/{FILL_IN}-context-in-aws-us-east-1",
        "accelerators": {"B200": 8},
        "disk_size": 384,
        "ports": "8000-8007",
    }


def test_checkpoints_of_the_user(shipped_plan: Callable[[str], Plan]) -> None:
    plan, scenario = shipped_plan("capstone"), scenarios.load("capstone")
    one = deployment(plan, scenario, {"chat": "me/mine", "chat:fp8": "me/mine-fp8", "chat:fp4": "me/mine-fp4"})
    assert {model.precision: model.checkpoint for model in one.models} == {"fp8": "me/mine-fp8", "fp4": "me/mine-fp4"}
    # A checkpoint that has its precision says so itself.
    assert not any("--quantization" in pool.engine_arguments for region in one.regions for pool in region.pools)
    assert not any(model.note for model in one.models)
    same = deployment(plan, scenario, {"chat": "me/mine"})
    assert {model.precision: model.checkpoint for model in same.models} == {
        "fp8": "me/mine",
        "fp4": f"{FILL_IN}: a checkpoint of me/mine in fp4",
    }
    for wrong in ({"chat:bf16": "x"}, {"other": "x"}, {"chat": " "}):
        with pytest.raises(ScenarioError, match="--model"):
            deployment(plan, scenario, wrong)


def test_rented_machines_are_asked_for_by_name(made: Made) -> None:
    one = made("capstone")
    spot = changed(one, procurement="spot", instance_type="p5.48xlarge")
    for text in export_skypilot.files(spot).values():
        (task,) = documents(text)
        jsonschema.validate(task, schema_json(Target.skypilot))
        assert task["resources"]["instance_type"] == "p5.48xlarge" and task["resources"]["use_spot"] is True
        assert task["resources"]["infra"] in ("aws/us-east-1", "aws/ca-central-1")
        assert "accelerators" not in task["resources"]
    there = {"provider": "gcp", "provider_region": "asia-east1"}
    gcp = changed(one, procurement="on_demand", instance_type="a3-highgpu-8g", **there)
    (task,) = documents(next(iter(export_skypilot.files(gcp).values())))
    assert task["resources"]["infra"] == "gcp/asia-east1" and len(task["resources"]["accelerators"]) == 1
    selectors = [
        each["spec"]["template"]["spec"]["nodeSelector"]
        for each in documents(export_kubernetes.files(spot)["aws-us-east-1.yaml"])
        if each["kind"] == "Deployment"
    ]
    assert {each["node.kubernetes.io/instance-type"] for each in selectors} == {"p5.48xlarge"}


def test_nodes_that_are_held_in_two_ways_are_told_apart(made: Made) -> None:
    data = made("capstone").model_dump(mode="json")
    for entry in data["regions"]:
        for group in entry["node_groups"]:
            group["accelerator"] = "h100-sxm"
    text = export_kubernetes.files(Deployment.model_validate(data))["aws-us-east-1.yaml"]
    labels = {
        each["spec"]["template"]["spec"]["nodeSelector"]["argosy-held-as"]
        for each in documents(text)
        if each["kind"] == "Deployment"
    }
    assert len(labels) == 2
    for label in labels:
        assert f"label them argosy-held-as={label}\n" in text


@pytest.mark.parametrize("module", [export_skypilot, export_kubernetes])
def test_what_cannot_be_said_is_refused(module: Any, made: Made) -> None:
    one = made("melange")
    with pytest.raises(ScenarioError, match="lies on 2 nodes"):
        module.files(changed(one, spans_nodes=2))
    with pytest.raises(ScenarioError, match="made for sglang"):
        module.files(changed(one, engine="sglang"))


def test_every_device_of_the_catalog_has_a_maker() -> None:
    catalog = scenarios.load_catalog()
    assert {device.vendor for device in catalog.accelerators.values()} <= VENDORS.keys()
    assert DEVICES.keys() <= catalog.accelerators.keys()


def test_hostile_names_stay_names(made: Made) -> None:
    one = made("melange")
    names = {"workload", "region", "offer", "title", "scenario", "checkpoint", "origin", "shape", "note", "provider"}
    hostile = changed(one, **dict.fromkeys(names, HOSTILE))
    plain_files, hostile_files = rendered(one), rendered(hostile)
    for key, text in hostile_files.items():
        if key.endswith(".tf"):
            assert text == plain_files[key]
            continue
        if key.endswith(".json"):
            assert json.loads(text)["argosy_plan"]["title"] == HOSTILE
            continue
        # Comments stay comments, and the documents have the shape that they had: no name became structure.
        before = plain_files[key]
        assert "\x1b" not in text and "\u2028" not in text and "{{ 7*7 }}" in text
        assert not [line for line in text.splitlines() if line.startswith(("kind: Pod", "- "))]
        assert [shape(each) for each in documents(text)] == [shape(each) for each in documents(before)]
    task_file, region_file = "skypilot/us-east-1-a10g-on-demand.yaml", "kubernetes/aws-us-east-1.yaml"
    assert documents(hostile_files[task_file])[0]["run"] == documents(plain_files[task_file])[0]["run"]
    (container,) = documents(hostile_files[region_file])[0]["spec"]["template"]["spec"]["containers"]
    # Kubernetes fills in $(NAME) in arguments; it is kept from it.
    assert "$$(rm -rf x)" in container["args"][0] and "$${HOME}" in container["args"][0]


def shape(value: Any) -> Any:
    """Keys and types, without the values; what depends on the provider is left out."""
    if isinstance(value, dict):
        return {key: shape(entry) for key, entry in value.items() if key != "resources"}
    return [shape(entry) for entry in value] if isinstance(value, list) else type(value).__name__


@given(st.text(max_size=200))
@settings(max_examples=100, deadline=None)
def test_any_text_is_one_yaml_value(text: str) -> None:
    line = f"{quoted(text)}: {quoted([text])} # end\nnext: 1\n"
    (read,) = documents(line)
    assert read.pop("next") == 1
    ((key, value),) = read.items()
    assert [key] == value and len(key) == len(text)


@given(st.lists(st.text(max_size=80), max_size=8))
@settings(max_examples=60, deadline=None)
def test_any_names_become_labels_of_their_own(names: list[str]) -> None:
    labels = Labels()
    found = [labels.label(name) for name in [*names, *names]]
    assert len(set(found)) == len(found)
    assert all(LABEL.fullmatch(label) and len(label) <= 43 for label in found)
