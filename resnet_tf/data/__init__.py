"""Images: sources, augmentation and the input pipeline.

Import the modules one by one: `sources` checks whether a data set is available without
importing TensorFlow; `pipeline` and `augment` need TensorFlow.
"""
