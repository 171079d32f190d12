// Registers the operations when TensorFlow loads the library; functions for Python.
#include <cstring>

#include "op.h"
#include "pool.h"

namespace resnet_tf {

extern const Kernels baseline;
#if defined(__x86_64__)
extern const Kernels avx2, avx512;
#endif

namespace {

bool runs_here(const Kernels& kernels) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (&kernels == &avx512)
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("fma");
  if (&kernels == &avx2)
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#endif
  (void)kernels;
  return true;
}

// The kernels of all instruction sets, the best first.
const Kernels* const ALL[] = {
#if defined(__x86_64__)
    &avx512, &avx2,
#endif
    &baseline};

const Kernels* best() {
  for (const Kernels* kernels : ALL)
    if (runs_here(*kernels)) return kernels;
  return &baseline;
}

const Kernels* chosen = best();

// TensorFlow accepts new operations while it loads the library.
const bool registered = [] {
  if (!tensorflow().complete) return false;
  register_convolutions();
  register_direct_convolutions();
  register_batch_norm();
  register_max_pool();
  register_dense_block();
  register_units();
  return true;
}();

}  // namespace

const Kernels& kernels() { return *chosen; }

}  // namespace resnet_tf

using namespace resnet_tf;

#define EXPORTED extern "C" __attribute__((visibility("default")))

// Sets the number of threads that compute at a time.
EXPORTED void resnet_tf_set_threads(int count) { set_threads(count); }

// Returns the name of the kernels in use: "avx512", "avx2" or "baseline".
EXPORTED const char* resnet_tf_instructions() { return kernels().name; }

// Returns the digest of the sources that this library was compiled from.
EXPORTED const char* resnet_tf_sources() { return SOURCES; }

// Selects the kernels of this name; returns 0 if this CPU cannot run them. For tests, while
// no operation runs.
EXPORTED int resnet_tf_use_instructions(const char* name) {
  for (const Kernels* kernels : ALL)
    if (!std::strcmp(kernels->name, name) && runs_here(*kernels)) {
      chosen = kernels;
      return 1;
    }
  return 0;
}
