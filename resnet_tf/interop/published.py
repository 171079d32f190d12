"""The figures that the UvA Deep Learning tutorial 5 states for its networks."""

from types import MappingProxyType

UVA_URL = "https://github.com/phlippe/uvadlc_notebooks"
# Test errors in percent, and the recipes that they are trained by.
UVA_ERRORS = MappingProxyType(
    {
        "uva_googlenet": 10.30,
        "uva_resnet": 8.94,
        "uva_preact": 8.93,
        "uva_densenet": 9.77,
    }
)
UVA_RECIPES = MappingProxyType(
    {
        "uva_googlenet": "uvadlc_adamw",
        "uva_resnet": "uvadlc_sgd",
        "uva_preact": "uvadlc_sgd",
        "uva_densenet": "uvadlc_adamw",
    }
)
