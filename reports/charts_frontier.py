"""The frontier of two accounts, with the plan on it: a section of the report and a chart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from optimizer.frontier import Frontier
from optimizer.plan import Plan
from reports.charts import LIGHT, Chart
from reports.content import Paragraph, Section, Table, section
from reports.frontier_page import account, page
from reports.words import scale, together

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_TICKS = 5


def frontier(found: Frontier, plan: Plan) -> tuple[Section | None, list[Chart]]:
    """What may be traded for what: the points as a table, and the picture of them."""
    told = page(found)
    points = next((one for one in told.sections if one.key == "points"), None)
    title = f"What {account(found.x)} buys in {account(found.y)}"
    if points is None:
        return section("frontier", title, [Paragraph(told.headline)]), []
    chart = _chart(found, plan)
    return section("frontier", title, [Paragraph(told.headline), chart.table]), [chart]


def _chart(found: Frontier, plan: Plan) -> Chart:
    pages = {one.key: one for one in page(found).sections}
    (points,) = pages["points"].parts
    assert isinstance(points, Table)
    caption = f"Fleets that none beats, by {account(found.y)}"
    table = Table(points.columns, points.rows, points.total, caption)
    knee = next((point for point in found.points if point.knee), None)
    says = f"{len(found.points)} fleets that none beats both in {account(found.x)} and in {account(found.y)}."
    if knee is not None:
        x, y = together(found.x_unit, [knee.x])[0], together(found.y_unit, [knee.y])[0]
        says += f" The knee is at {x} and {y}."
    title = f"{account(found.x).capitalize()} against {account(found.y)}: the fleets that none beats"
    return Chart("frontier", title, says, table, lambda axes: _draw(axes, found, plan), 330)


def _draw(axes: Axes, found: Frontier, plan: Plan) -> None:
    xs, ys = [point.x for point in found.points], [point.y for point in found.points]
    across, up = scale(found.x_unit, max(xs)), scale(found.y_unit, max(ys))
    axes.step(xs, ys, where="pre", color=LIGHT["blue"], linewidth=1.6, label="_")
    axes.plot(
        xs, ys, "o", color=LIGHT["blue"], markersize=7, markeredgecolor=LIGHT["bg"], label="fleet that none beats"
    )
    knee = next((point for point in found.points if point.knee), None)
    if knee is not None:
        style: dict[str, Any] = {
            "markerfacecolor": LIGHT["bg"],
            "markeredgecolor": LIGHT["orange"],
            "markeredgewidth": 2.4,
        }
        axes.plot([knee.x], [knee.y], "s", markersize=11, label="knee", **style)
    here = plan.accounts.get(found.x), plan.accounts.get(found.y)
    if here[0] is not None and here[1] is not None:
        axes.plot(
            [here[0]], [here[1]], "*", color=LIGHT["red"], markersize=17, markeredgecolor=LIGHT["bg"], label="this plan"
        )
    axes.margins(0.07, 0.08)
    axes.set_xlabel(f"{account(found.x)} a year")
    axes.set_ylabel(f"{account(found.y)} a year")
    axes.xaxis.set_major_formatter(lambda value, _: across.write(value))
    axes.yaxis.set_major_formatter(lambda value, _: up.write(value))
    axes.xaxis.set_major_locator(_locator(_TICKS))
    axes.yaxis.set_major_locator(_locator(_TICKS))
    axes.tick_params(axis="y", labelcolor=LIGHT["soft"])
    axes.grid()
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1.0), ncols=3, borderaxespad=0)


def _locator(ticks: int):  # type: ignore[no-untyped-def]
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(ticks)
