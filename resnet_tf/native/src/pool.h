// Threads that share the parts of a computation.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>

namespace resnet_tf {

// Calls work(part, scratch) for each of `parts`, on the calling thread and on idle
// threads of the pool. Returns when all are done. `scratch` has room for `floats` floats;
// it belongs to the thread, is aligned to 64 bytes and not initialized. Throws
// std::bad_alloc if memory runs out.
void parallel(int64_t parts, size_t floats,
              const std::function<void(int64_t, float*)>& work);

// Adds `parts` tensors of `floats` numbers, stored one after the other, in order. Writes
// the sum to `to`.
void add_parts(const float* each, int64_t parts, int64_t floats, float* to);

// Sets how many threads, callers included, compute at a time; at least 1.
void set_threads(int count);

}  // namespace resnet_tf
