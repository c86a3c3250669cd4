"""Volumes, the files that hold them, and whether an acquisition is plausible."""
