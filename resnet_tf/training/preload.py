"""The modules that the fork server imports before it forks the legs of a run."""

from resnet_tf.startup import import_tensorflow

import_tensorflow()
