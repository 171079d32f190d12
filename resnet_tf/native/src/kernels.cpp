// The kernels for one instruction set. setup.py compiles this file once for each set and
// names the kernels with -DKERNELS.
#include "batch_norm.h"
#include "dense.h"
#include "direct.h"
#include "max_pool.h"
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
    direct_filter_floats,
    direct_panels,
    direct_pack,
    direct_forward_parts,
    direct_forward_scratch,
    direct_forward,
    direct_input_gradient_parts,
    direct_input_gradient_scratch,
    direct_input_gradient,
    direct_filter_gradient_parts,
    direct_filter_gradient_scratch,
    direct_filter_gradient,
    max_pool,
    max_pool_gradient,
    moments,
    normalize,
    gradient_sums,
    gradient_apply,
    unit3_scratch,
    unit3_forward,
    unit3_backward_scratch,
    unit3_backward,
    unit1_filter_floats,
    unit1_filters,
    unit1_parts,
    unit1_scratch,
    unit1_forward,
    unit1_backward_scratch,
    unit1_backward,
    complete,
};

}  // namespace resnet_tf
