"""Neurons: what the units of a hidden layer with a privileged basis stand for."""
