"""Released weights: manifest, weights files, and sets that are installed together."""
