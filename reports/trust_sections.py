"""Why the answer can be trusted: what it leans on, who checked it, and what produced it."""

from __future__ import annotations

from optimizer.plan import Plan
from reports.content import Bullets, Paragraph, Section, Table, columns, section
from reports.summary import goal
from reports.words import dollars, gap, listed, number, percent, plain, scale


def proof(plan: Plan) -> Section | None:
    """Incumbent, bound and gap as separate facts."""
    says = []
    if plan.objective is not None and plan.objective.value is not None:
        says.append(f"Found, aiming at the {goal(plan)}: {_amount(plan.objective.value, plan.objective.unit)}.")
    if plan.bound is not None and plan.bound.value is not None:
        says.append(f"Proven: no fleet can do with less than {_amount(plan.bound.value, plan.bound.unit)}.")
    if plan.gap is not None:
        says.append(f"Gap between the two: {gap(plan.gap)}.")
    says.append(f"Why it stopped: {_STOPS.get(plan.stopped_by, plain(plan.stopped_by))}.")
    if plan.cross_check in _SECOND_SEARCH:
        says.append(f"A second search, by another path, {_SECOND_SEARCH[plan.cross_check]}.")
    return section("proof", "How close to proven", [Bullets(tuple(says))])


_SECOND_SEARCH = {
    "confirmed": "found nothing better by more than the gap",
    "corrected": "found a better fleet than the first, and that is the one shown",
    "not finished": "did not finish: the bound rests on the first alone",
}
_STOPS = {
    "gap": "the gap asked for was reached",
    "infeasible": "the limits were proven impossible",
    "no_candidate": "no way of running passed the physical limits",
    "time_limit": "the time limit was reached",
    "interrupt": "it was interrupted",
}


def _amount(value: float, unit: str) -> str:
    return f"{dollars(value)} a year" if unit.startswith("USD") else scale(unit, value).write(value, 6)


def assumptions(plan: Plan) -> Section | None:
    """Declared figures with their sources; confidence from A (measured) to C (estimated)."""
    if not plan.assumptions:
        return None
    rows = tuple((one.name, one.value, one.source, one.confidence) for one in plan.assumptions)
    table = Table(columns("assumption", "value", "source_", "confidence"), rows)
    changed = None
    if plan.lock.overridden:
        changed = Paragraph(
            f"Your own figures replace the catalog's for {listed(map(plain, plan.lock.overridden))}.", "warn"
        )
    return section("assumptions", "What the answer leans on", [table, changed])


def verification(plan: Plan) -> Section | None:
    """What the independent check found."""
    if plan.verification is None:
        if plan.fleet is None:
            return None
        return section("verification", "Verification", [Paragraph("This plan was not checked.", "bad")])
    checks = plan.verification.checks
    if plan.verification.passed:
        words = f"Checked apart from the program that made it, every loss acted out: {checks:,} checks, all hold."
        return section("verification", "Verification", [Paragraph(words, "good")])
    failures = Bullets(tuple(plan.verification.failures))
    return section("verification", "Verification", [Paragraph(f"Of {checks:,} checks these fail:", "bad"), failures])


def lock(plan: Plan) -> Section | None:
    """What produced the answer and how long it took."""
    lock = plan.lock
    says = [
        f"argosy {lock.argosy}, HiGHS {lock.highs}, Python {lock.python}"
        + (f"; the program was solved by {plain(lock.solver)}" if lock.solver != "highs" else ""),
        f"scenario {lock.scenario_sha256[:16]}, catalog {lock.catalog_sha256[:16]} (sha256, first 16 digits)",
        f"seed {lock.seed}, threads {lock.threads}, gap asked for {percent(lock.gap)}",
    ]
    parts: list[Paragraph | Bullets] = [Bullets(tuple(says))]
    if plan.sizes is not None:
        size = plan.sizes
        seconds = [
            f"{number(value, 2)} s {what}"
            for what, value in (
                ("to price", size.price_s),
                ("to build", size.build_s),
                ("to solve", size.solve_s),
                ("to verify", size.verify_s),
                ("to explain", size.explain_s),
            )
            if value
        ]
        ways = f"{size.candidates_priced:,} ways of running priced, {size.candidates_kept:,} kept"
        program = f"{size.columns:,} columns, {size.rows:,} rows, {size.nonzeros:,} entries"
        parts.append(Paragraph(f"{ways}; {program}. Processor time: {listed(seconds) or 'not measured'}."))
    return section("lock", "What produced it", parts)
