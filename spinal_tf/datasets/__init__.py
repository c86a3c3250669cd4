"""Turn a cohort into batches: prepare cases once into a cache, draw samples from it, feed them to the training."""
