"""Descriptions, tests and tables that follow the paper's statistics; without TensorFlow."""
