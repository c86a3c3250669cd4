"""Networks that a TensorFlow Serving runs elsewhere; nothing here needs TensorFlow."""
