"""How fast and how safe: latency by percentile, and what a loss leaves."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from optimizer.plan import Loss, Plan, ReadingLine
from reports.content import Bullets, Paragraph, Section, Table, columns, section
from reports.words import percent, percentile, plain, rate, spoken, together


def service(plan: Plan) -> Section | None:
    """Latency of each origin in each region; every percentile in a column of its own."""
    rows: dict[tuple[str, str], dict[str, ReadingLine]] = defaultdict(dict)
    for reading in plan.readings:
        if reading.percentile:
            rows[reading.name, reading.where][percentile(reading.percentile)] = reading
    if not rows:
        return None
    order = sorted({name for held in rows.values() for name in held}, key=_percentile_order)
    body = []
    for (name, where), held in rows.items():
        limited = next((line for line in held.values() if line.limit is not None), None)
        numbers = [*(line.value for line in held.values()), limited.limit if limited else 0.0]
        values = together(next(iter(held.values())).unit, numbers, 4 if limited else 3)
        written = dict(zip(held, values[:-1], strict=True))
        limit = f"{percentile(limited.percentile)} {bound(limited, values[-1])}" if limited else "none"
        body.append((spoken(name), plain(where), *(written.get(one, "") for one in order), limit))
    headings = columns("time", "where_", *(f">{one}" for one in order), "limit")
    table = Table(headings, tuple(body))
    return section("service", "Service level: latency at P50 and P99", [table, *_meaning(rows, plan.confidence)])


def _meaning(rows: Iterable[tuple[str, str]], confidence: float | None = None) -> list[Bullets]:
    names = {name.lower() for name, _ in rows}
    says = []
    if any("ttft" in name for name in names):
        says.append("TTFT: time to the first token, the network's round trip and waiting included.")
    if any("itl" in name for name in names):
        says.append("ITL: time between tokens of one answer.")
    if says and confidence is not None:
        says.append(
            f"All of it at the slow ends of the predictions that hold in {percent(confidence, 3)} of the cases."
        )
    return [Bullets(tuple(says))] if says else []


def _percentile_order(name: str) -> tuple[int, float]:
    return (0, 0.0) if not name.startswith("P") else (1, float(name[1:]))


def bound(reading: ReadingLine, written: str) -> str:
    """A limit in words: `at most 50 ms`."""
    return f"{ {'<=': 'at most', '>=': 'at least', '==': 'exactly'}[reading.sense] } {written}"


def losses(plan: Plan) -> Section | None:
    """The worst slot of each loss, worst first; many of one kind are told by their worst."""
    if not plan.losses:
        return None
    parts: list[Table | Paragraph] = []
    for what in ("node", "region"):
        found = [loss for loss in plan.losses if loss.what == what]
        if found:
            parts.append(_loss_table(what, _worst_slots(found)))
    return section("losses", "What a loss leaves", parts)


def _worst_slots(found: list[Loss]) -> list[Loss]:
    worst: dict[tuple[str, str], Loss] = {}
    for loss in found:
        key = loss.where, loss.workload
        if key not in worst or loss.served_share < worst[key].served_share:
            worst[key] = loss
    return sorted(worst.values(), key=lambda loss: (loss.served_share, loss.where))


_LOSSES_SHOWN = 8


def _loss_table(what: str, found: list[Loss]) -> Table:
    rows = []
    for loss in found[:_LOSSES_SHOWN]:
        required = f"at least {percent(loss.required_share, 3)}" if loss.required_share is not None else "not limited"
        rows.append(
            (
                plain(loss.where),
                plain(loss.workload),
                rate(loss.served_requests_per_s),
                percent(loss.served_share, 3),
                required,
            )
        )
    left = len(found) - len(rows)
    caption = f"After losing any one {what}, worst first" + (f" ({left:,} more leave as much or more)" if left else "")
    return Table(columns(f"{what} lost", "workload", ">still served", ">share", "required"), tuple(rows), None, caption)
