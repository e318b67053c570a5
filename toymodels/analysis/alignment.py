"""Alignment: solutions that differ by a rotation, a reflection or a permutation of like features, brought together."""
