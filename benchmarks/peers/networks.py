"""What the peers build: the networks of `resnet_tf` by the numbers in the papers.

Standard library only: each peer reads it in its own interpreter.
"""

STAGE_FILTERS = (16, 32, 64)
EPSILON = 1e-3  # of batch norm; what stands in our default recipe

# Residual blocks in a stage; order "pre", zero-padded shortcuts of pooled maps.
RESNETS = {"resnet20": 3, "resnet110": 18}
# Layers in a dense block, growth rate, and whether with bottleneck and compression.
DENSENETS = {"densenet40_k12": (12, 12, False), "densenet_bc100_k12": (16, 12, True)}
MODELS = (*RESNETS, *DENSENETS)
