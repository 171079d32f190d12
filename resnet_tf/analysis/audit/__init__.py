"""Counts the parts of a network and compares them with the published figures."""

from resnet_tf.analysis.audit.rows import Row, audit_file, audit_network

__all__ = ["Row", "audit_file", "audit_network"]
