"""Distributed training: several devices and processes that train one network."""
