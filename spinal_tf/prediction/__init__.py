"""A cohort's masks and probabilities, case by case: from images to ``predictions.csv``."""
