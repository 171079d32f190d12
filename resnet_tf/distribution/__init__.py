"""Several devices and several processes that train one network together."""
