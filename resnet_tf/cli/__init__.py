"""The commands of `python -m resnet_tf`, one module each."""
