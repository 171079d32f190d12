// The passes of batch norm over a tensor with `pixels` rows of c channels.
//
// A pass processes blocks of rows that fit into the L1 cache. In a block it processes one
// vector of channels after the other, so their sums and factors stay in registers.
#pragma once
#include "kernels.h"
#include "simd.h"

namespace {

using resnet_tf::Slice;

constexpr int BLOCK_FLOATS = 4096;
constexpr int CHAINS = 4;  // independent sums, so that an addition rarely waits

INLINE int64_t block_rows(int c) {
  return most<int64_t>(CHAINS, least<int64_t>(256, BLOCK_FLOATS / c) / CHAINS * CHAINS);
}

// Calls body(first, rows, i, access) for each vector i of each block of rows.
template <class Body>
INLINE void for_blocks(int64_t pixels, int c, Body body) {
  const int64_t step = block_rows(c);
  for (int64_t first = 0; first < pixels; first += step) {
    const int64_t rows = least(step, pixels - first);
    for_vectors(c, [&](int i, auto access) INLINE_LAMBDA { body(first, rows, i, access); });
  }
}

template <class Access>
INLINE void add_to(double* sums, Vec v, int i, int c, const Access& access) {
  float lanes[LANES];
  store(lanes, v);
  const int n = least(LANES, c - i);
  (void)access;
  for (int l = 0; l < n; l++) sums[i + l] += lanes[l];
}

// Calls body(chain, at, to) for all rows of a block. `at` and `to` are the row's offsets
// in two tensors, whose rows are `in` and `out` floats apart.
template <class Body>
INLINE void for_rows(int64_t first, int64_t rows, ptrdiff_t in, ptrdiff_t out, int i,
                     Body body) {
  ptrdiff_t at = ptrdiff_t(first) * in + i, to = ptrdiff_t(first) * out + i;
  int64_t r = 0;
  for (; r + CHAINS <= rows; r += CHAINS, at += CHAINS * in, to += CHAINS * out) {
    UNROLL for (int k = 0; k < CHAINS; k++) body(k, at + k * in, to + k * out);
  }
  for (; r < rows; r++, at += in, to += out) body(0, at, to);
}

INLINE Vec total(const Vec v[CHAINS]) { return (v[0] + v[1]) + (v[2] + v[3]); }

void moments(const float* x, int64_t pixels, int c, const float* origin, double* sums) {
  memset(sums, 0, 2 * size_t(c) * sizeof(double));
  for_blocks(pixels, c, [&](int64_t first, int64_t rows, int i, auto access) INLINE_LAMBDA {
    const Vec o = access.get(origin + i);
    Vec s[CHAINS] = {}, q[CHAINS] = {};
    for_rows(first, rows, c, c, i, [&](int k, ptrdiff_t at, ptrdiff_t) INLINE_LAMBDA {
      const Vec d = access.get(x + at) - o;
      s[k] += d;
      q[k] += d * d;
    });
    add_to(sums, total(s), i, c, access);
    add_to(sums + c, total(q), i, c, access);
  });
}

template <bool RELU, bool ADD>
void normalize_as(const float* x, const float* residual, int64_t pixels, const Slice& s,
                  const resnet_tf::BatchNormForward& p, float* y) {
  const int c = s.c;
  for_blocks(pixels, c, [&](int64_t first, int64_t rows, int i, auto access) INLINE_LAMBDA {
    const Vec mean = access.get(p.mean + i), scale = access.get(p.scale + i);
    const Vec offset = access.get(p.offset + i);
    for_rows(first, rows, s.in, s.out, i, [&](int, ptrdiff_t at, ptrdiff_t to) INLINE_LAMBDA {
      Vec v = (access.get(x + at) - mean) * scale + offset;
      if (ADD) v += access.get(residual + at);
      access.put(y + to, RELU ? relu(v) : v);
    });
  });
}

void normalize(const float* x, const float* residual, int64_t pixels, const Slice& s,
               const resnet_tf::BatchNormForward& p, float* y) {
  if (p.relu) {
    residual ? normalize_as<true, true>(x, residual, pixels, s, p, y)
             : normalize_as<true, false>(x, residual, pixels, s, p, y);
  } else {
    residual ? normalize_as<false, true>(x, residual, pixels, s, p, y)
             : normalize_as<false, false>(x, residual, pixels, s, p, y);
  }
}

// How the gradient of the normalized values follows from the gradient of the outputs.
enum class Mask { NONE, OUTPUT, AGAIN };

template <Mask MASK>
void gradient_sums_as(const float* x, const float* dy, const float* y, int64_t pixels,
                      const Slice& s, const resnet_tf::BatchNormBackward& p, float* dz,
                      double* sums) {
  const int c = s.c;
  memset(sums, 0, 2 * size_t(c) * sizeof(double));
  for_blocks(pixels, c, [&](int64_t first, int64_t rows, int i, auto access) INLINE_LAMBDA {
    const Vec mean = access.get(p.mean + i), scale = access.get(p.scale + i);
    const Vec offset = access.get(p.offset + i);
    Vec t[CHAINS] = {}, q[CHAINS] = {};
    for_rows(first, rows, s.in, s.out, i, [&](int k, ptrdiff_t at, ptrdiff_t to) INLINE_LAMBDA {
      const Vec d = access.get(x + at) - mean;
      Vec g = access.get(dy + to);
      if (MASK == Mask::AGAIN) g = d * scale + offset > 0 ? g : Vec{};
      if (MASK == Mask::OUTPUT) {
        g = access.get(y + to) > 0 ? g : Vec{};
        access.put(dz + to, g);
      }
      t[k] += g;
      q[k] += g * d;
    });
    add_to(sums, total(t), i, c, access);
    add_to(sums + c, total(q), i, c, access);
  });
}

void gradient_sums(const float* x, const float* dy, const float* y, int64_t pixels,
                   const Slice& s, const resnet_tf::BatchNormBackward& p, float* dz,
                   double* sums) {
  if (!p.relu) gradient_sums_as<Mask::NONE>(x, dy, y, pixels, s, p, dz, sums);
  else if (y) gradient_sums_as<Mask::OUTPUT>(x, dy, y, pixels, s, p, dz, sums);
  else gradient_sums_as<Mask::AGAIN>(x, dy, y, pixels, s, p, dz, sums);
}

template <bool RELU>
void gradient_apply_as(const float* x, const float* dy, int64_t pixels, const Slice& s,
                       const resnet_tf::BatchNormBackward& p, const float* a,
                       const float* b, const float* d, float* dx) {
  const int c = s.c;
  for_blocks(pixels, c, [&](int64_t first, int64_t rows, int i, auto access) INLINE_LAMBDA {
    const Vec mean = access.get(p.mean + i), scale = access.get(p.scale + i);
    const Vec offset = access.get(p.offset + i);
    const Vec va = access.get(a + i), vb = access.get(b + i), vd = access.get(d + i);
    for_rows(first, rows, s.in, s.out, i, [&](int, ptrdiff_t at, ptrdiff_t to) INLINE_LAMBDA {
      const Vec e = access.get(x + at) - mean;
      Vec g = access.get(dy + to);
      if (RELU) g = e * scale + offset > 0 ? g : Vec{};
      access.put(dx + at, va * g + (vb * e + vd));
    });
  });
}

void gradient_apply(const float* x, const float* dy, int64_t pixels, const Slice& s,
                    const resnet_tf::BatchNormBackward& p, const float* a, const float* b,
                    const float* d, float* dx) {
  p.relu ? gradient_apply_as<true>(x, dy, pixels, s, p, a, b, d, dx)
         : gradient_apply_as<false>(x, dy, pixels, s, p, a, b, d, dx);
}

}  // namespace
