"""Networks that a TensorFlow Serving server runs. This package does not need TensorFlow."""
