"""Thin click commands; heavy modules are imported inside them."""
