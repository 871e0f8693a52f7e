"""Values in people's units, for the sentences that travel inside a plan."""

from __future__ import annotations


def amount(value: float, unit: str) -> str:
    """A value with its unit as a person writes it.

    >>> amount(5e6, "USD/yr"), amount(500e3, "kg CO2e/yr"), amount(0.05, "s"), amount(0.8, "share of demand")
    ('$5M/yr', '500 t CO2e/yr', '50 ms', '80 % of the demand')
    """
    if unit == "USD/yr":
        if abs(value) >= 999_500:
            return f"${value / 1e6:.4g}M/yr"
        return f"${value / 1e3:.3g}k/yr" if abs(value) >= 1e3 else f"${value:.0f}/yr"
    if unit == "kg CO2e/yr":
        return f"{value / 1e3:.4g} t CO2e/yr" if abs(value) >= 1e3 else f"{value:.3g} kg CO2e/yr"
    if unit == "s":
        return f"{value * 1e3:.4g} ms" if abs(value) < 1 else f"{value:.4g} s"
    if unit == "share of demand":
        return f"{value * 100:.4g} % of the demand"
    if unit == "W":
        return f"{value / 1e6:.4g} MW" if abs(value) >= 1e6 else f"{value / 1e3:.4g} kW"
    if unit in ("devices", "nodes", "regions", "precisions"):
        return f"{value:.0f} {unit[:-1] if round(value) == 1 else unit}"
    return f"{value:,.4g} {unit}".strip()
