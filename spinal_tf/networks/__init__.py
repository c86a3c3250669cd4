"""Keras 3 builders of the two networks."""
