"""Formulae on arrays: what a number is, how sure it is, and whether two differ. Nothing here knows a case."""
