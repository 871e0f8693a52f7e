"""The command `argosy simulate`: its flags, and what they mean."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from reports import options
from reports.problems import wrong_flag

if TYPE_CHECKING:
    from optimizer.plan import Plan
    from optimizer.simulate import Options
    from scenarios import Scenario

_MOST_REQUESTS, _MOST_SEEDS, _MOST_JOBS = 10**9, 1000, 256


def simulate(
    plan: Annotated[
        str, typer.Argument(metavar="PLAN", help="A plan written by --output or --json, or a scenario to solve first.")
    ],
    scenario: Annotated[
        str, typer.Option(metavar="FILE", help="The scenario that the plan answers; shipped ones are found by name.")
    ] = "",
    requests: Annotated[
        str, typer.Option(metavar="N", help="Requests to measure, for each seed and loss: 1e6.")
    ] = "1e5",
    seeds: Annotated[int, typer.Option(metavar="N", help="Runs, each with a seed of its own.")] = 3,
    seed: Annotated[int, typer.Option(metavar="N", help="The first seed.")] = 1,
    lose: Annotated[
        list[str] | None,
        typer.Option(metavar="WHAT", help="Also after losing: nodes, regions, or one of them by name; repeat."),
    ] = None,
    at: Annotated[
        str, typer.Option(metavar="TIME", help="It dies so long after measuring began; else it is gone all the time.")
    ] = "",
    back: Annotated[str, typer.Option(metavar="TIME", help="It is repaired so long after measuring began.")] = "",
    burstiness: Annotated[
        float, typer.Option(metavar="CV", help="Deviation of the gaps over their mean: 1 is Poisson, 0 even.")
    ] = 1.0,
    trace: Annotated[
        str, typer.Option(metavar="FILE", help="CSV of arrival times, and of tokens, to come instead of Poisson.")
    ] = "",
    spread: Annotated[
        str, typer.Option(metavar="SHARE", help="Answers are up to so much shorter or longer than asked: 10%.")
    ] = "",
    slot: Annotated[str, typer.Option(metavar="NAME", help="Time slot; the busiest if left out.")] = "",
    warm_up: Annotated[
        str, typer.Option(metavar="TIME", help="Played before measuring; ten residences if left out.")
    ] = "",
    dispatch: Annotated[
        str, typer.Option(metavar="WORD", help="Which replica: least_loaded, fewest, in_turn or random.")
    ] = "least_loaded",
    jobs: Annotated[int, typer.Option(metavar="N", help="Processes.")] = 1,
    as_json: options.Json = False,
    markdown: options.Markdown = False,
    output: Annotated[str, typer.Option("--output", "-o", metavar="FILE", help="Write the figures as JSON here.")] = "",
    quiet: options.Quiet = False,
) -> None:
    """Play a plan request by request and lay the latencies beside what was promised, whole and after losses."""
    flags = Flags(
        requests=requests,
        seeds=seeds,
        seed=seed,
        lose=tuple(options.split(lose)),
        at=at,
        back=back,
        burstiness=burstiness,
        trace=trace,
        spread=spread,
        slot=slot,
        warm_up=warm_up,
        dispatch=dispatch,
        jobs=jobs,
    )
    if as_json and markdown:
        raise wrong_flag("--markdown", "cannot go with --json", "choose one")
    raise typer.Exit(_answer(plan, scenario, flags, as_json, markdown, output, quiet))


@dataclass(frozen=True)
class Flags:
    """How to play, as written."""

    requests: str = "1e5"
    seeds: int = 3
    seed: int = 1
    lose: tuple[str, ...] = ()
    at: str = ""
    back: str = ""
    burstiness: float = 1.0
    trace: str = ""
    spread: str = ""
    slot: str = ""
    warm_up: str = ""
    dispatch: str = "least_loaded"
    jobs: int = 1

    def options(self) -> Options:
        """The same as numbers; a flag that cannot be used is named."""
        from optimizer.simulate import Options
        from optimizer.simulate_arrivals import Pattern, read_times
        from optimizer.simulate_engine import DISPATCH
        from reports.run import amount

        if not 1 <= self.seeds <= _MOST_SEEDS:
            raise wrong_flag("--seeds", f"{self.seeds} is not a number of runs", f"1 to {_MOST_SEEDS:,}")
        if not 0 <= self.seed < 2**31:
            raise wrong_flag("--seed", f"{self.seed} is not a seed", "0 to 2147483647")
        if not 1 <= self.jobs <= _MOST_JOBS:
            raise wrong_flag("--jobs", f"{self.jobs} is not a number of processes", f"1 to {_MOST_JOBS}")
        if not 0.0 <= self.burstiness <= 100.0:
            raise wrong_flag("--burstiness", f"{self.burstiness:g} is no coefficient of variation", "0 to 100")
        if self.trace and self.burstiness != 1.0:
            raise wrong_flag("--burstiness", "cannot go with --trace", "choose one")
        if self.dispatch not in DISPATCH:
            raise wrong_flag("--dispatch", f"{self.dispatch} is unknown", f"one of {', '.join(DISPATCH)}")
        at_s, back_s = amount("--at", self.at, "time"), amount("--back", self.back, "time")
        if at_s is not None and not self.lose:
            raise wrong_flag("--at", "nothing is said to be lost", "add --lose nodes")
        if back_s is not None and (at_s is None or back_s <= at_s):
            raise wrong_flag("--back", f"{self.back} is not after the loss", "say when with an earlier --at")
        return Options(
            requests=_count(self.requests),
            seeds=tuple(range(self.seed, self.seed + self.seeds)),
            pattern=Pattern(self.burstiness, read_times(self.trace) if self.trace else None),
            spread=amount("--spread", self.spread, "fraction") or 0.0,
            at_s=at_s,
            back_s=back_s,
            slot=self.slot,
            lose=self.lose,
            warm_up_s=amount("--warm-up", self.warm_up, "time"),
            dispatch=self.dispatch,
            jobs=self.jobs,
        )


def _count(text: str) -> int:
    try:
        value = float(text.replace(",", ""))
    except ValueError:
        value = 0.0
    if not 100 <= value <= _MOST_REQUESTS or value != int(value):
        raise wrong_flag("--requests", f'"{text}" is not a number of requests', f"100 to {_MOST_REQUESTS:,}: 1e6")
    return int(value)


def _answer(
    name: str, scenario_name: str, flags: Flags, as_json: bool, markdown: bool, output: str, quiet: bool
) -> int:
    """Play, print, write; 0 even where a promise is missed: the verdict says so, and `holds` in JSON."""
    from reports.outputs import keep_apart, writable
    from reports.question import read_files
    from reports.run import put, write_json
    from reports.simulation import simulation

    writable("--output", output)
    keep_apart({"--output": output}, [*read_files(name, scenario_name), flags.trace])
    asked = flags.options()
    plan, scenario = _question(name, scenario_name, quiet)
    from optimizer.simulate import simulate as play
    from optimizer.simulate_types import CannotPlayError

    try:
        found = play(scenario, plan, asked, None if quiet else lambda text: print(text, file=sys.stderr))
    except CannotPlayError as error:
        flag = "PLAN" if error.about == "plan" else f"--{error.about}"
        raise wrong_flag(flag, str(error), error.hint or _hint(plan, flag)) from None
    if output:
        write_json(output, found)
    if as_json:
        print(found.model_dump_json(indent=2))
    else:
        put(simulation(found), markdown)
    return 0


def _hint(plan: Plan, flag: str) -> str:
    if flag != "--lose":
        return ""
    names = [node.node for node in plan.placement]
    return "nodes, regions, a region, or a node: " + ", ".join(names[:4]) + (" ..." if len(names) > 4 else "")


def _question(name: str, scenario_name: str, quiet: bool) -> tuple[Plan, Scenario]:
    """The plan and the scenario that it answers, checked; a scenario instead of a plan is solved first."""
    from reports.question import question

    plan, scenario = question(name, scenario_name, quiet)
    if plan.fleet is None:
        raise wrong_flag("PLAN", f"{name} holds no fleet (its status is {plan.status})", "there is nothing to play")
    from reports.checking import checked

    found = checked(scenario, plan)
    if not found.passed:
        hint = "`argosy verify SCENARIO PLAN.json` tells all; is it the right --scenario?"
        raise wrong_flag("PLAN", f"{name} does not hold for this scenario: {found.failures[0]}", hint)
    return plan, scenario
