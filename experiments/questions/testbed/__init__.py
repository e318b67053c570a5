"""The testbed: techniques of interpretability on models whose truth is known, over levels of superposition."""

import numpy as np

from experiments.harness.experiment import Paper, Results

LEVELS = "level"


def another_technique(results: Results) -> Results:
    """Each technique has the numbers of the next one in the card."""
    return results.map(lambda card: card.assign({name: one.roll(technique=1) for name, one in _numbers(card)}))


def levels_reversed(results: Results) -> Results:
    """What was found in the most superposition stands where there is none, and the other way round."""

    def reverse(card):  # type: ignore[no-untyped-def]
        changed = {}
        for name, one in _numbers(card):
            values = one.transpose(..., LEVELS).values.copy()
            for place in np.ndindex(values.shape[:-1]):
                there = np.isfinite(values[place])
                values[(*place, there)] = values[(*place, there)][::-1]
            changed[name] = (one.transpose(..., LEVELS).dims, values)
        return card.assign(changed)

    return results.map(reverse)


def chance(results: Results) -> Results:
    """All techniques find what chance finds."""
    return results.map(
        lambda card: (
            card.assign(score=0 * card.score, raw=card.chance, found=0 * card.found) if "chance" in card else card
        )
    )


def _numbers(card):  # type: ignore[no-untyped-def]
    """The numbers that the card has for each technique, case and level."""
    return [(name, one) for name, one in card.data_vars.items() if {"technique", LEVELS} <= set(one.dims)]


PAPER = Paper(
    title="Techniques of interpretability on models whose truth is known",
    order=("poster", "probes", "failures"),
    controls=(another_technique, levels_reversed, chance),
)
