"""Descriptions, tests and tables, after the paper's statistics; without TensorFlow."""
