"""Scans below a folder: which there are, which are taken, and why others are left out."""
