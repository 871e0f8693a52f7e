"""What a target cannot express is refused, not left out: an incomplete fleet serves less than the plan says."""

from __future__ import annotations

from reports.export_form import Deployment
from reports.problems import wrong_flag
from reports.words import listed, plain

_ENGINE = "vllm"


def refuse_other_engines(made: Deployment, target: str) -> None:
    """Rates and limits hold for the engine that the plan is made for."""
    other = sorted({pool.engine for region in made.regions for pool in region.pools} - {_ENGINE})
    if other:
        what = f"the plan is made for {listed([plain(name) for name in other])}, and {target} files start vLLM only"
        raise wrong_flag("--to", what, "--to json holds the fleet for any engine")


def refuse_spanning(made: Deployment, target: str) -> None:
    """A replica over several nodes needs what these files do not set up."""
    for region in made.regions:
        for group in region.node_groups:
            for held in group.holds:
                if held.spans_nodes > 1:
                    what = f"a replica of {held.pool} lies on {held.spans_nodes} nodes, which {target} files cannot say"
                    raise wrong_flag("--to", what, "--to json can; or allow fewer devices a replica in the scenario")
