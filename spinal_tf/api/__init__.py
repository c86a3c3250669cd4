"""The Python API of ``import spinal_tf``; each function is imported on first use."""
