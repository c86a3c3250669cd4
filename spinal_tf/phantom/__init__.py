"""The simulated cohort: anatomy, lesions and acquisition, in NumPy and SciPy only."""
