"""Thin click commands; everything heavy is imported inside them."""
