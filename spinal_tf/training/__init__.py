"""Training the networks from a cohort, with everything that is needed to go on with it, to judge it and to use it."""
