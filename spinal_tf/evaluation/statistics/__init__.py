"""Formulas on arrays: measures, their intervals, and tests of differences. These modules do not know cases."""
