"""Simulation of a cohort: anatomy, lesions and acquisition, with NumPy and SciPy only."""
