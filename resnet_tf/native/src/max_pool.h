// 3x3 max pooling, forward and backward. A border of one pixel is minus infinity.
#pragma once
#include <float.h>

#include "kernels.h"
#include "simd.h"

namespace {

using resnet_tf::MaxPool;

// Calls body(at) for each pixel of the map in the window of output (row, column).
template <class Body>
INLINE void for_window(const MaxPool& s, int row, int column, Body body) {
  const int top = row * s.stride - 1, left = column * s.stride - 1;
  if (top >= 0 && left >= 0 && top + 3 <= s.h && left + 3 <= s.w) {
    UNROLL for (int i = 0; i < 3; i++)
      UNROLL for (int j = 0; j < 3; j++) body((ptrdiff_t(top + i) * s.w + left + j) * s.c);
    return;
  }
  for (int i = most(0, top); i < least(s.h, top + 3); i++)
    for (int j = most(0, left); j < least(s.w, left + 3); j++)
      body((ptrdiff_t(i) * s.w + j) * s.c);
}

void max_pool(const MaxPool& s, const float* x, float* y, int64_t image) {
  x += image * s.h * s.w * s.c;
  y += image * s.oh * s.ow * s.c;
  for (int row = 0; row < s.oh; row++)
    for (int column = 0; column < s.ow; column++, y += s.c)
      for_vectors(s.c, [&](int c, auto access) INLINE_LAMBDA {
        Vec best = broadcast(-FLT_MAX);
        for_window(s, row, column, [&](ptrdiff_t at) INLINE_LAMBDA {
          const Vec v = access.get(x + at + c);
          best = v > best ? v : best;
        });
        access.put(y + c, best);
      });
}

// Of the inputs that equal an output, the first gets the output's gradient.
void max_pool_gradient(const MaxPool& s, const float* x, const float* y, const float* dy,
                       float* dx, int64_t image) {
  x += image * s.h * s.w * s.c;
  dx += image * s.h * s.w * s.c;
  y += image * s.oh * s.ow * s.c;
  dy += image * s.oh * s.ow * s.c;
  memset(dx, 0, size_t(s.h) * s.w * s.c * sizeof(float));
  for (int row = 0; row < s.oh; row++)
    for (int column = 0; column < s.ow; column++, y += s.c, dy += s.c)
      for_vectors(s.c, [&](int c, auto access) INLINE_LAMBDA {
        const Vec best = access.get(y + c);
        Vec rest = access.get(dy + c);
        for_window(s, row, column, [&](ptrdiff_t at) INLINE_LAMBDA {
          float* to = dx + at + c;
          const auto found = access.get(x + at + c) == best;
          access.put(to, access.get(to) + (found ? rest : Vec{}));
          rest = found ? Vec{} : rest;
        });
      });
}

}  // namespace
