// The kernels for one instruction set; setup.py compiles this file once for each and
// names it with -DKERNELS.
#include "batch_norm.h"
#include "winograd.h"

#define STRING(name) #name
#define NAME(name) STRING(name)

namespace resnet_tf {

extern const Kernels KERNELS;
const Kernels KERNELS = {
    NAME(KERNELS),
    filter_floats,
    transform_filters,
    forward_parts,
    forward_scratch,
    ::forward,
    filter_gradient_parts,
    filter_gradient_scratch,
    filter_gradient,
    moments,
    normalize,
    gradient_sums,
    gradient_apply,
};

}  // namespace resnet_tf
