"""What went wrong, for people on standard error and for programs on standard output; and the exit code."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import sys
import traceback

from scenarios.errors import Problem, ScenarioError

BAD_INPUT, INTERNAL, INTERRUPTED = 1, 5, 130


def wrong_flag(flag: str, message: str, hint: str = "") -> ScenarioError:
    """A value on the command line that cannot be used."""
    return ScenarioError(Problem("<flags>", None, flag, message, hint))


def by_set(error: ScenarioError) -> ScenarioError:
    """The same problems, for a scenario that is changed by `--set`: what would mend them is a flag to paste."""

    def one(problem: Problem) -> Problem:
        if not problem.ways:
            return problem
        flags = [f"--set {way.path}='{way.value}'" + (f", {way.says}" if way.says else "") for way in problem.ways]
        return dataclasses.replace(problem, hint="add " + "; or ".join(flags))

    return ScenarioError(one(problem) for problem in error.problems)


def failed(error: BaseException, as_json: bool, solving: bool = True) -> int:
    """Say what went wrong; the exit code. `solving`: a fleet was looked for."""
    if os.environ.get("ARGOSY_DEBUG"):
        traceback.print_exception(error, file=sys.stderr)
    if isinstance(error, KeyboardInterrupt) or type(error).__name__ == "Abort":
        print("interrupted" + " before a fleet was found" * solving, file=sys.stderr)
        return INTERRUPTED
    if isinstance(error, ScenarioError):
        return _bad_input(list(error.problems), as_json)
    if hasattr(error, "format_message"):
        return _bad_input([_usage(error)], as_json)
    if hasattr(error, "failures"):
        print("internal error: the plan failed its independent check, so it is not shown:", file=sys.stderr)
        for failure in list(error.failures)[:20]:
            print(f"  - {failure}", file=sys.stderr)
        return INTERNAL
    what = " ".join(f"{type(error).__name__}: {error}".split())
    print(f"internal error: {what[:400]}", file=sys.stderr)
    print("This is a fault of argosy. ARGOSY_DEBUG=1 shows where it happened.", file=sys.stderr)
    return INTERNAL


def _bad_input(problems: list[Problem], as_json: bool) -> int:
    if as_json:
        lines = [
            {"file": one.file, "line": one.line, "key": one.key, "message": one.message, "hint": one.hint}
            for one in problems
        ]
        print(json.dumps({"errors": lines}, indent=2))
    for one in problems:
        text = str(one).removeprefix("<flags>: ")
        print("".join(letter if letter.isprintable() else "?" for letter in text), file=sys.stderr)
    return BAD_INPUT


def _usage(error: BaseException) -> Problem:
    """A usage error of the command line as a problem like any other."""
    message = error.format_message().strip().replace("Value error, ", "")  # type: ignore[attr-defined]
    flag = re.search(r"'?(--?[a-z][a-z-]*)", message)
    context = getattr(error, "ctx", None)
    path = getattr(context, "command_path", "argosy")
    message, _, hint = message.partition(" Did you mean ")
    hint = f"did you mean {hint}" if hint else f"`{path} --help` lists what there is"
    return Problem("<flags>", None, flag[1] if flag else "", message.strip().rstrip("."), hint.rstrip("?").strip())
