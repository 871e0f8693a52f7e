"""What each loss leaves in every slot stands in the plan, and the check recomputes it."""

from __future__ import annotations

import scenarios
from optimizer.verify import verify
from tests.conftest import Shipped


def test_a_wrong_slot_is_found(shipped_plan: Shipped) -> None:
    plan, scenario = shipped_plan("capstone_diurnal"), scenarios.load("capstone_diurnal")
    for loss in plan.losses:
        assert loss.by_slot[loss.slot] == loss.served_requests_per_s
        assert set(loss.by_slot) <= {slot.name for slot in scenario.slots}
    first = plan.losses[0]
    slot = next(iter(first.by_slot))
    wrong = first.model_copy(update={"by_slot": {**first.by_slot, slot: first.by_slot[slot] * 0.99}})
    found = verify(scenario, plan.model_copy(update={"losses": [wrong, *plan.losses[1:]]}))
    assert not found.passed
    assert any(f"in {slot}" in failure for failure in found.failures)
