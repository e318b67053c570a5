"""The testbed: techniques of interpretability on models whose truth is known, over levels of superposition."""

import numpy as np
import xarray as xr

from experiments.harness.experiment import Paper, Results


def another_technique(results: Results) -> Results:
    """Each technique has the numbers of the next one in the card."""
    return results.map(lambda card: card.assign({name: one.roll(technique=1) for name, one in _numbers(card).items()}))


def techniques_reversed(results: Results) -> Results:
    """The last technique has the numbers of the first one, and so on."""
    backwards = {"technique": slice(None, None, -1)}
    return results.map(
        lambda card: card.assign({name: (one.dims, one.isel(backwards).values) for name, one in _numbers(card).items()})
    )


def levels_reversed(results: Results) -> Results:
    """What was found in the most superposition stands where there is none, and the other way round."""

    def reverse(one: xr.DataArray) -> xr.DataArray:
        one = one.transpose(..., "level")
        rows = np.array(one.values, order="C").reshape(-1, one.sizes["level"])
        for row in rows:
            there = np.isfinite(row)
            row[there] = row[there][::-1]
        return one.copy(data=rows.reshape(one.shape))

    return results.map(lambda card: card.assign({name: reverse(one) for name, one in _numbers(card).items()}))


def chance(results: Results) -> Results:
    """All techniques find what chance finds."""
    return results.map(
        lambda card: (
            card.assign(raw=card.chance, score=0 * card.score, found=0 * card.found) if _numbers(card) else card
        )
    )


def _numbers(card: xr.Dataset) -> dict[str, xr.DataArray]:
    """The numbers that a card has for each technique, case and level."""
    return {str(name): one for name, one in card.data_vars.items() if {"technique", "level"} <= set(one.dims)}


PAPER = Paper(
    title="Techniques of interpretability on models whose truth is known",
    order=(
        "poster",
        "edges_poster",
        "together",
        "probes",
        "failures",
        "limits",
        "labels",
        "interventions",
        "circuits",
        "decomposition",
        "attribution",
        "profiles",
        "units",
        "atlas",
        "digits",
        "transformers",
    ),
    controls=(another_technique, techniques_reversed, levels_reversed, chance),
)
