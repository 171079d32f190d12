"""The modules that a process imports before it is forked for the legs of runs."""

from resnet_tf.startup import import_tensorflow

import_tensorflow()
