// Work that several operations do in parts.
#pragma once
#include <algorithm>
#include <vector>

#include "op.h"
#include "pool.h"

namespace resnet_tf {

// The parts of a map with `count` pixels of c channels. They depend only on its shape.
struct Rows {
  int64_t pixels, parts;
  Rows(int64_t count, int c)
      : pixels(count), parts(std::max<int64_t>(1, std::min<int64_t>(64, count * c >> 15))) {}
  int64_t first(int64_t part) const { return pixels * part / parts; }
  int64_t size(int64_t part) const { return first(part + 1) - first(part); }
};

// Returns the sums of `count` numbers over all parts, added in order. Calls
// work(part, numbers of the part, scratch).
template <class Work>
std::vector<double> summed(int64_t parts, int count, size_t scratch, Work work) {
  std::vector<double> each(size_t(parts) * count), sums(count);
  parallel(parts, scratch, [&](int64_t part, float* floats) {
    work(part, &each[size_t(part) * count], floats);
  });
  for (int64_t part = 0; part < parts; part++)
    for (int i = 0; i < count; i++) sums[i] += each[size_t(part) * count + i];
  return sums;
}

// Returns the transformed filters of a convolution, or with `flip` of its transpose.
inline Tensor transformed(const Call& call, const Convolution& s, const float* w, bool flip) {
  Tensor filters = call.temporary(int64_t(kernels().filter_floats(s)));
  float* u = filters.data();
  constexpr int STEP = 16;  // channels per part
  parallel((s.c + STEP - 1) / STEP, 0, [&](int64_t part, float*) {
    const int first = int(part) * STEP;
    kernels().transform_filters(s, w, flip, u, first, std::min(s.c, first + STEP));
  });
  return filters;
}

}  // namespace resnet_tf
