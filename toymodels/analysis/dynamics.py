"""Dynamics: jumps, plateaus and events in the course of training."""
