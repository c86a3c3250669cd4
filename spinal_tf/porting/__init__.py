"""Weights of the original public code, taken over into the networks of this package."""
