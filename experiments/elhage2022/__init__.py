"""Elhage et al. 2022, "Toy Models of Superposition", transformer-circuits.pub/2022/toy_model."""

from experiments.elhage2022 import basic_results, demonstrating, geometry

EXPERIMENTS = (
    demonstrating.INTRO,
    demonstrating.LINEAR_VS_RELU,
    basic_results.BASIC_SMALL,
    basic_results.BASIC_LARGE,
    basic_results.FEATURES_VS_DENSITY,
    geometry.DIMENSIONS_PER_FEATURE,
    geometry.DIMENSIONALITY,
    geometry.LEVERAGE,
)
