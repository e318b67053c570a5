"""Polytopes: which regular arrangement the directions of features form."""
