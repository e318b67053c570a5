"""The expected loss of a ReLU output model by the number of features that are on together."""
