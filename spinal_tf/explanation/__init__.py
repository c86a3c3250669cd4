"""Explain a classifier's predictions: heat maps, and checks of heat maps."""
