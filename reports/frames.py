"""A plan as pandas DataFrames, for notebooks.

    from reports.frames import frames
    frames(plan)["bill"].groupby("region")["usd_per_year"].sum()
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from reports.plan_tables import tables

if TYPE_CHECKING:
    from pandas import DataFrame

    from optimizer.plan import Plan


def frames(plan: Plan) -> dict[str, DataFrame]:
    """Every table of a plan by its name in the plan's JSON; an empty one has its columns too.

    Units are in the names of the columns, or in the column `unit` where each row has its own. Each column of `bill`
    adds up to the plan's account of that name.

    Raises:
        ImportError: pandas is not installed; it comes with `pip install 'argosy[report]'`.
    """
    if find_spec("pandas") is None:
        raise ImportError("DataFrames need pandas, which is not installed: pip install 'argosy[report]'")
    from pandas import DataFrame

    return {
        one.key: DataFrame(list(one.rows), columns=[column.name for column in one.columns]) for one in tables(plan)
    }
