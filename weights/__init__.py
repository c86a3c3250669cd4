"""Released weights: data files only, read through spinal_tf.checkpoints.manifest."""
