"""Volumes, image files, and plausibility checks of acquisitions."""
