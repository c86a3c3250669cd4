"""The Python API: what ``import spinal_tf`` offers, each function imported when it is first used."""
