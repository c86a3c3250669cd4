"""Export weights to TensorFlow Serving: the main path as graphs, and the folders that a server reads."""
