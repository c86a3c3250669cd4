"""Train the networks from a cohort, and keep everything needed to resume, evaluate and release a run."""
