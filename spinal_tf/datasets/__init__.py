"""From a cohort to batches: cases prepared once into a cache, samples drawn from it, fed to the training."""
