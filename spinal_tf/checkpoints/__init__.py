"""Released weights: the manifest, weight files, and sets that are installed together."""
