"""Images: sources, augmentation and the input pipeline.

The modules are imported one by one: `sources` answers whether a data set is at
hand without importing TensorFlow, `pipeline` and `augment` need it.
"""
