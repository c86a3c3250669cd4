"""Prediction of masks and probabilities for the cases of a cohort: from images to ``predictions.csv``."""
