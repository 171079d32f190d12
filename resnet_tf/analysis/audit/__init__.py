"""Counting what a network is, and comparing it with what is published."""

from resnet_tf.analysis.audit.rows import Row, audit_file, audit_network

__all__ = ["Row", "audit_file", "audit_network"]
