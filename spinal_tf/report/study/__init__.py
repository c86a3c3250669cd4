"""Figures and the page of an evaluation."""
