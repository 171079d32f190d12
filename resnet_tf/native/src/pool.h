// Threads that share the parts of a computation.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>

namespace resnet_tf {

// Calls work(part, scratch) for each of `parts`, on the calling thread and on idle
// threads of the pool; returns when all are done. `scratch` is `floats` floats that
// belong to the thread, aligned to 64 bytes, with any content. Throws std::bad_alloc
// where they do not fit into memory.
void parallel(int64_t parts, size_t floats,
              const std::function<void(int64_t, float*)>& work);

// Writes the sum of `parts` tensors of `floats` numbers, which lie one behind the other,
// to `to`, added in their order.
void add_parts(const float* each, int64_t parts, int64_t floats, float* to);

// How many threads, the callers' included, compute at a time; 1 or more.
void set_threads(int count);

}  // namespace resnet_tf
