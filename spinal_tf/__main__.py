"""``python -m spinal_tf`` does what ``spinal-tf`` does."""

from spinal_tf.cli.main import main

main()
