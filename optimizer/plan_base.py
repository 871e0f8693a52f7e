"""What every part of a plan is made of."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

Status = Literal["optimal", "feasible", "infeasible", "no_candidate", "no_incumbent"]
Interval = tuple[float, float]


class Part(BaseModel):
    """Base of every part of a plan: frozen, nothing unknown, attribute docstrings become schema descriptions."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, ser_json_inf_nan="null")
