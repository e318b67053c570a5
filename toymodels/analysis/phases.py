"""Phases: whether a feature is ignored, in superposition, or has a dimension of its own."""
