"""`argosy cheapest`: a whole question as flags becomes the same mapping that a scenario file holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reports.problems import wrong_flag
from scenarios.errors import Problem, ScenarioError

if TYPE_CHECKING:
    from optimizer.plan import Assumption
    from scenarios import Catalog, Scenario

WORKLOAD = "requests"
_SOURCE = "default of `argosy cheapest`"
_DEFAULT_ACCELERATORS = ("h100-sxm", "h200-sxm", "b200-sxm")
_DEFAULT_PRECISIONS = ("bf16", "fp8")
# Where a problem of the mapping comes from, the longest path first.
_FLAG_OF_KEY = (
    (f"workloads.{WORKLOAD}.requests", "--isl, --osl, --cached"),
    (f"workloads.{WORKLOAD}.model", "--model"),
    (f"workloads.{WORKLOAD}.demand", "--demand"),
    (f"workloads.{WORKLOAD}.ttft", "--ttft"),
    (f"workloads.{WORKLOAD}.itl", "--itl"),
    (f"workloads.{WORKLOAD}.precisions", "--precision"),
    (f"workloads.{WORKLOAD}.kv_precisions", "--kv-precision"),
    (f"workloads.{WORKLOAD}.tensor_parallel", "--tp"),
    ("limits.budget", "--budget"),
    ("limits.carbon", "--carbon"),
    ("limits.min_regions", "--min-regions"),
    ("failures.node", "--survive-node"),
    ("procurement.owned", "--owned"),
    ("procurement.on_demand", "--on-demand"),
    ("procurement.reserved", "--reserved"),
    ("procurement.spot", "--spot"),
    ("accelerators", "--accelerator"),
    ("objective", "--objective"),
    ("carbon_basis", "--carbon-basis"),
    ("origins", "--demand"),
    ("regions", "--region, --quota"),
)


@dataclass(frozen=True)
class Flags:
    """The question as written on the command line; empty means not written."""

    model: str
    isl: int
    osl: int
    qps: str = ""
    demand: tuple[str, ...] = ()
    cached: int = 0
    ttft: str = ""
    ttft_percentile: float = 99.0
    itl: str = ""
    itl_percentile: str = "mean"
    precision: tuple[str, ...] = ()
    kv_precision: tuple[str, ...] = ()
    region: tuple[str, ...] = ()
    accelerator: tuple[str, ...] = ()
    owned: bool = False
    on_demand: bool = False
    reserved: str = ""
    spot: str = ""
    budget: str = ""
    carbon: str = ""
    carbon_basis: str = ""
    survive_node: str = ""
    min_regions: int | None = None
    quota: tuple[str, ...] = ()
    tp: tuple[int, ...] = ()
    objective: str = ""


def scenario_of(flags: Flags) -> tuple[Scenario, list[Assumption]]:
    """The scenario that the flags ask for, and the defaults that nobody wrote."""
    import scenarios
    from optimizer.plan import Assumption

    data, defaults = mapping(flags, scenarios.load_catalog())
    try:
        scenario = scenarios.from_mapping(data, file="<flags>")
    except ScenarioError as error:
        raise ScenarioError(_by_flag(problem) for problem in error.problems) from None
    return scenario, [Assumption(name=name, value=value, source=_SOURCE) for name, value in defaults.items()]


def _by_flag(problem: Problem) -> Problem:
    """The same problem, laid to the flag that the user wrote."""
    found = next((flag for key, flag in _FLAG_OF_KEY if problem.key == key or problem.key.startswith(f"{key}.")), "")
    basis = next((way for way in problem.ways if way.path == "carbon_basis"), None)
    message, hint = problem.message, problem.hint
    if problem.key.startswith("regions.") and problem.ways:
        message = f"{problem.key.removeprefix('regions.')}: {message}"
    if basis is not None:
        # A region's own figures are no flags: they are written in a file.
        hint = f"add --carbon-basis {basis.value}, {basis.says}; a figure of your own needs a scenario file"
    return Problem(problem.file, None, found or problem.key, message, hint)


def mapping(flags: Flags, catalog: Catalog) -> tuple[dict[str, Any], dict[str, str]]:
    """The mapping of a scenario file, and every default that went into it."""
    defaults: dict[str, str] = {}

    def default(name: str, written: Any, otherwise: Any, says: str = "") -> Any:
        if not written:
            defaults[name] = says or (", ".join(otherwise) if isinstance(otherwise, tuple) else str(otherwise))
        return written or otherwise

    demand = _demand(flags, catalog, defaults)
    regions = tuple(dict.fromkeys(flags.region or tuple(near for near, _ in demand.values())))
    if not flags.region:
        defaults["--region"] = f"where the requests come from: {', '.join(regions)}"
    workload: dict[str, Any] = {
        "model": flags.model,
        "requests": [
            {
                "name": WORKLOAD,
                "share": 1,
                "prompt_tokens": flags.isl,
                "output_tokens": flags.osl,
                "cached_context_tokens": flags.cached,
            }
        ],
        "demand": {name: rate for name, (_, rate) in demand.items()},
        "precisions": list(default("--precision", flags.precision, _DEFAULT_PRECISIONS)),
        "kv_precisions": list(default("--kv-precision", flags.kv_precision, ("bf16",))),
    }
    if default("--ttft", flags.ttft, "", "no limit on the time to the first token"):
        workload["ttft"] = {"limit": flags.ttft, "percentile": flags.ttft_percentile}
    if default("--itl", flags.itl, "", "no limit on the time between tokens"):
        workload["itl"] = {"limit": flags.itl, "percentile": _percentile(flags.itl_percentile)}
    if flags.tp:
        workload["tensor_parallel"] = list(flags.tp)
    data = {
        "name": "cheapest",
        "title": f"{flags.model}, {flags.isl} tokens in, {flags.osl} out",
        "objective": default("--objective", flags.objective, "cost"),
        "carbon_basis": default("--carbon-basis", flags.carbon_basis, "direct"),
        "origins": {name: {"near": near} for name, (near, _) in demand.items()},
        "workloads": {WORKLOAD: workload},
        "regions": _regions(flags, regions, defaults),
        "accelerators": list(default("--accelerator", flags.accelerator, _DEFAULT_ACCELERATORS)),
        "procurement": _procurement(flags, defaults),
        "limits": _limits(flags),
    }
    if default("--survive-node", flags.survive_node, "", "no loss has to be survived"):
        data["failures"] = {"node": {"served": flags.survive_node, "scope": "total"}}
    return data, defaults


def _percentile(text: str) -> str | float:
    try:
        return float(text.lower().removeprefix("p"))
    except ValueError:
        return text


def _demand(flags: Flags, catalog: Catalog, defaults: dict[str, str]) -> dict[str, tuple[str, str]]:
    """Origin -> the region that it is near, and its rate."""
    if bool(flags.qps) == bool(flags.demand):
        raise wrong_flag(
            "--demand", "say how many requests come from where", "--demand virginia=600, or --qps 600 --region REGION"
        )
    if flags.qps:
        if not flags.region:
            raise wrong_flag(
                "--qps", "say where they are served", "for example --region aws/us-east-1, or --demand virginia=600"
            )
        defaults["--demand"] = f"all requests come from near {flags.region[0]}"
        return {"users": (flags.region[0], flags.qps)}
    found = {}
    for written in flags.demand:
        place, _, rate = written.partition("=")
        place = place.strip()
        if not place or not rate.strip():
            raise wrong_flag("--demand", f'"{written}" is not a place and a rate', "for example virginia=600")
        near = _place(place, flags.region, catalog)
        name = place.replace("/", "-")
        if name in found:
            raise wrong_flag("--demand", f"{place} is given twice", "add the two rates up")
        found[name] = (near, rate.strip())
        if near != place:
            defaults[f"--demand {place}"] = f"from near {near}"
    return found


def _place(place: str, regions: tuple[str, ...], catalog: Catalog) -> str:
    """The region that a place's name means: an id, or a word of a city; among the regions served in first."""
    if place in catalog.regions:
        return place
    word = place.lower().replace("-", " ").replace("_", " ")
    known = [region for region in regions if region in catalog.regions]
    for pool in (known, [region for region in catalog.regions if region.startswith("aws/")], list(catalog.regions)):
        near = [
            region
            for region in pool
            if word in catalog.regions[region].city.lower() or word == region.rpartition("/")[2]
        ]
        if len(near) == 1:
            return near[0]
        if near:
            raise wrong_flag("--demand", f'"{place}" may be {" or ".join(near[:6])}', "write the one you mean")
    raise wrong_flag(
        "--demand", f'no region of the catalog is called or lies in "{place}"', "`argosy catalog regions` lists them"
    )


def _regions(flags: Flags, regions: tuple[str, ...], defaults: dict[str, str]) -> dict[str, Any]:
    quotas: dict[str, dict[str, Any]] = {region: {} for region in regions}
    for written in flags.quota:
        name, _, number = written.rpartition("=")
        region, _, accelerator = name.rpartition(":")
        if not accelerator or not number.strip() or (region and region not in quotas):
            hint = "for example h100-sxm=32, or aws/us-east-1:h100-sxm=32 with a region that is served in"
            raise wrong_flag("--quota", f'"{written}" is not a quota', hint)
        for one in [region] if region else regions:
            quotas[one][accelerator] = number.strip()
    if flags.quota:
        defaults["--quota"] = "unlimited for every other accelerator"
    else:
        defaults["--quota"] = "unlimited"
    return {region: {"quota": quota, "quota_default": "unlimited"} for region, quota in quotas.items()}


def _procurement(flags: Flags, defaults: dict[str, str]) -> dict[str, Any]:
    if not (flags.owned or flags.on_demand or flags.reserved or flags.spot):
        defaults["--owned, --on-demand"] = (
            "both are offered: bought and written off over 3 years, or rented at list price"
        )
        return {"owned": True, "on_demand": True}
    found: dict[str, Any] = {}
    if flags.owned:
        found["owned"] = True
    if flags.on_demand:
        found["on_demand"] = True
    if flags.reserved:
        found["reserved"] = {"discount": flags.reserved}
    if flags.spot:
        found["spot"] = {"availability": flags.spot}
    return found


def _limits(flags: Flags) -> dict[str, Any]:
    written = {"budget": flags.budget, "carbon": flags.carbon, "min_regions": flags.min_regions}
    return {key: value for key, value in written.items() if value}
