"""Import weights trained with the authors' public code."""
