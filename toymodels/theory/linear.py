"""The best linear model."""
