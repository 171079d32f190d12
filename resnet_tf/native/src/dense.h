// The units of a dense block: BN-ReLU, then a 3x3 or a 1x1 convolution.
//
// A unit reads the first c channels of pixels that may hold more, and normalizes them as
// it reads. So nothing normalized is ever written.
//
// The gradient of batch norm is
//     dx = scale * dz + slope * (x - mean) + constant,
// where dz is the gradient of scale * (x - mean) + offset. The last two terms are known
// only when all of dz has been summed, but they are the same function of x for all the
// units that read a channel. So a unit adds `scale * dz` to the gradient at once, the two
// coefficients are summed up per channel, and who reads the gradient last adds the terms.
#pragma once
#include "winograd.h"

namespace {

using resnet_tf::Normalization;
using resnet_tf::Rest;
using resnet_tf::Unit;

constexpr int PIXELS = 48;  // that a 1x1 convolution takes at a time

INLINE Convolution convolution(const Unit& s) { return {s.n, s.h, s.w, s.c, s.k}; }
// The input gradient is a convolution from k to c channels.
INLINE Convolution transposed(const Unit& s) { return {s.n, s.h, s.w, s.k, s.c}; }

// Normalizes inputs and applies ReLU as they are read.
struct Normalized {
  Normalization p;
  struct At {
    Vec mean, scale, offset;
    INLINE Vec operator()(Vec x) const { return relu((x - mean) * scale + offset); }
  };
  INLINE Normalized from(int c0) const {
    return {{p.mean + c0, p.scale + c0, p.offset + c0}};
  }
  template <class Access>
  INLINE At at(int i, const Access& access) const {
    return {access.get(p.mean + i), access.get(p.scale + i), access.get(p.offset + i)};
  }
};

// Writes outputs, and adds them and their squares to sums [2][k].
struct WriteAndSum {
  float *y, *sum, *square;
  template <class Access>
  struct At {
    float *y, *sum, *square;
    Access access;
    Vec s, q;
    INLINE void operator()(ptrdiff_t at, Vec r) {
      access.put(y + at, r);
      s += r;
      q += r * r;
    }
    INLINE void end() const {
      access.put(sum, access.get(sum) + s);
      access.put(square, access.get(square) + q);
    }
  };
  INLINE WriteAndSum from(int k0) const { return {y + k0, sum + k0, square + k0}; }
  template <class Access>
  INLINE At<Access> at(int k0, const Access& access) const {
    return {y, sum + k0, square + k0, access, Vec{}, Vec{}};
  }
};

// Takes gradients of normalized inputs: sets those to zero whose input ReLU has set to
// zero, adds them (dz) and dz * (x - mean) to sums [2][c], and scale * dz to the gradient.
template <bool ADD>
struct Backward {
  const float* x;
  Normalization p;
  float *g, *sum, *product;
  template <class Access>
  struct At {
    const float* x;
    float *g, *sum, *product;
    Access access;
    Vec mean, scale, offset, s, q;
    INLINE void operator()(ptrdiff_t at, Vec r) {
      const Vec d = access.get(x + at) - mean;
      const Vec dz = d * scale + offset > 0 ? r : Vec{};
      s += dz;
      q += dz * d;
      access.put(g + at, ADD ? access.get(g + at) + scale * dz : scale * dz);
    }
    INLINE void end() const {
      access.put(sum, access.get(sum) + s);
      access.put(product, access.get(product) + q);
    }
  };
  INLINE Backward from(int c0) const {
    return {x + c0, Normalized{p}.from(c0).p, g + c0, sum + c0, product + c0};
  }
  template <class Access>
  INLINE At<Access> at(int i, const Access& access) const {
    const Normalized::At n = Normalized{p}.at(i, access);
    return {x,      g,       sum + i, product + i, access, n.mean,
            n.scale, n.offset, Vec{},   Vec{}};
  }
};

// sums += floats, which become zeros.
INLINE void flush(float* floats, int count, double* sums) {
  for (int i = 0; i < count; i++) sums[i] += floats[i];
  memset(floats, 0, count * sizeof(float));
}

// Forward, 3x3. A part is a group of tiles.

size_t unit3_scratch(const Unit& s) {
  return Forward(convolution(s)).scratch() + 2 * size_t(s.k);
}

void unit3_forward(const Unit& s, const Normalization& p, const float* x, const float* u,
                   float* y, double* sums, int64_t part, float* scratch) {
  const Convolution shape = convolution(s);
  const Forward plan(shape);
  float* own = scratch + plan.scratch();
  memset(own, 0, 2 * s.k * sizeof(float));
  convolve_group(plan, x, s.in, u, s.out, part, Normalized{p},
                 WriteAndSum{y, own, own + s.k}, scratch);
  memset(sums, 0, 2 * s.k * sizeof(double));
  flush(own, 2 * s.k, sums);
}

// Backward, 3x3. A part is a range of groups, as of the filter gradient alone.

size_t unit3_backward_scratch(const Unit& s) {
  const Convolution shape = convolution(s), back = transposed(s);
  return FilterGradient(shape).scratch() + Forward(back).scratch() + 2 * size_t(s.c);
}

template <bool ADD>
INLINE void unit3_backward_as(const Unit& s, const Normalization& p, const float* x,
                              const float* dy, const float* u, float* g, double* sums,
                              float* dw, int64_t part, float* scratch) {
  const Convolution shape = convolution(s), back = transposed(s);
  const FilterGradient plan(shape);
  const Forward back_plan(back);
  float* convolved = scratch + plan.scratch();
  float* own = convolved + back_plan.scratch();
  memset(scratch, 0, plan.scratch() * sizeof(float));
  memset(own, 0, 2 * s.c * sizeof(float));
  memset(sums, 0, 2 * s.c * sizeof(double));
  for (int64_t group = plan.first(part); group < plan.first(part + 1); group++) {
    add_group(plan, x, s.in, dy, group, Normalized{p}, scratch);
    convolve_group(back_plan, dy, s.k, u, s.in, group, AsIs(),
                   Backward<ADD>{x, p, g, own, own + s.c}, convolved);
    flush(own, 2 * s.c, sums);
  }
  write_filter_gradient(plan, scratch, dw);
}

void unit3_backward(const Unit& s, const Normalization& p, const float* x, const float* dy,
                    const float* u, float* g, bool add, double* sums, float* dw,
                    int64_t part, float* scratch) {
  if (add) unit3_backward_as<true>(s, p, x, dy, u, g, sums, dw, part, scratch);
  else unit3_backward_as<false>(s, p, x, dy, u, g, sums, dw, part, scratch);
}

// 1x1. A part is a range of blocks of pixels.

struct Pointwise {
  const Unit& s;
  int64_t pixels;
  int inputs, nr, panels, outputs, back_nr, back_panels, back;  // floats of a pixel

  explicit INLINE Pointwise(const Unit& unit)
      : s(unit), pixels(unit.n * unit.h * unit.w), inputs(round_up(s.c, LANES)),
        nr(panel_width(s.k)), panels(panel_count(s.k)), outputs(panels * nr),
        back_nr(panel_width(s.c)), back_panels(panel_count(s.c)),
        back(back_panels * back_nr) {}
  INLINE int64_t blocks() const { return (pixels + PIXELS - 1) / PIXELS; }
  // As many as 16, of 16 blocks or more.
  INLINE int64_t parts() const { return most<int64_t>(1, least<int64_t>(16, blocks() / 16)); }
  INLINE int64_t first(int64_t part) const { return blocks() * part / parts(); }
  INLINE size_t scratch() const {
    return size_t(PIXELS) * (inputs + outputs) + 2 * size_t(s.k);
  }
  INLINE size_t backward_scratch() const {
    return size_t(PIXELS) * (inputs + outputs + back) + size_t(s.c) * outputs +
           2 * size_t(s.c);
  }
};

int64_t unit1_parts(const Unit& s) { return Pointwise(s).parts(); }
size_t unit1_scratch(const Unit& s) { return Pointwise(s).scratch(); }
size_t unit1_backward_scratch(const Unit& s) { return Pointwise(s).backward_scratch(); }
size_t unit1_filter_floats(const Unit& s) {
  const Pointwise plan(s);
  return size_t(s.c) * plan.outputs + size_t(s.k) * plan.back;
}

// w [c][k] in panels of k for the forward pass, then in panels of c for the backward one.
void unit1_filters(const Unit& s, const float* w, float* u) {
  const Pointwise plan(s);
  memset(u, 0, unit1_filter_floats(s) * sizeof(float));
  float* back = u + size_t(s.c) * plan.outputs;
  for (int c = 0; c < s.c; c++)
    for (int k = 0; k < s.k; k++) {
      const float value = w[size_t(c) * s.k + k];
      u[(size_t(k / plan.nr) * s.c + c) * plan.nr + k % plan.nr] = value;
      back[(size_t(c / plan.back_nr) * s.k + k) * plan.back_nr + c % plan.back_nr] = value;
    }
}

// Reads `count` pixels of c channels into rows of `width` floats.
template <class Read>
INLINE void read_pixels(const float* x, ptrdiff_t in, int64_t count, int c, const Read& prologue,
                        float* to, int width) {
  for_vectors(c, [&](int i, auto access) INLINE_LAMBDA {
    const auto read = prologue.at(i, access);
    for (int64_t t = 0; t < count; t++) store(to + t * width + i, read(access.get(x + t * in + i)));
  });
}

template <class Write>
INLINE void write_pixels(const float* from, int width, int64_t count, int k, ptrdiff_t first,
                         ptrdiff_t out, const Write& epilogue) {
  for_vectors(k, [&](int i, auto access) INLINE_LAMBDA {
    auto write = epilogue.at(i, access);
    for (int64_t t = 0; t < count; t++)
      write((first + t) * out + i, access.get(from + t * width + i));
    write.end();
  });
}

void unit1_forward(const Unit& s, const Normalization& p, const float* x, const float* u,
                   float* y, double* sums, int64_t part, float* scratch) {
  const Pointwise plan(s);
  float* z = scratch;
  float* m = z + PIXELS * plan.inputs;
  float* own = m + PIXELS * plan.outputs;
  memset(own, 0, 2 * s.k * sizeof(float));
  memset(sums, 0, 2 * s.k * sizeof(double));
  for (int64_t block = plan.first(part); block < plan.first(part + 1); block++) {
    const int64_t first = block * PIXELS;
    const int count = int(least<int64_t>(PIXELS, plan.pixels - first));
    read_pixels(x + first * s.in, s.in, count, s.c, Normalized{p}, z, plan.inputs);
    for (int q = 0; q < plan.panels; q++)
      panel_product(Left{z, plan.inputs, 1}, Right{u + size_t(q) * s.c * plan.nr, plan.nr},
                    Depth{s.c}, ToSums{m + q * plan.nr, plan.outputs, false}, count,
                    s.k - q * plan.nr);
    write_pixels(m, plan.outputs, count, s.k, first, s.out, WriteAndSum{y, own, own + s.k});
    flush(own, 2 * s.k, sums);
  }
}

// dy = g + slope * (x - mean) + constant, for rows of `to` floats.
void complete(int64_t pixels, int c, const float* g, ptrdiff_t gs, const float* x, ptrdiff_t xs,
              const Rest& rest, float* dy, ptrdiff_t to) {
  for_vectors(c, [&](int i, auto access) INLINE_LAMBDA {
    const Vec mean = access.get(rest.mean + i), slope = access.get(rest.slope + i);
    const Vec constant = access.get(rest.constant + i);
    for (int64_t t = 0; t < pixels; t++)
      access.put(dy + t * to + i, access.get(g + t * gs + i) +
                                      (slope * (access.get(x + t * xs + i) - mean) + constant));
  });
}

void unit1_backward(const Unit& s, const Normalization& p, const float* x, const float* y,
                    const Rest& rest, const float* dy, const float* u, float* g, double* sums,
                    float* dw, int64_t part, float* scratch) {
  const Pointwise plan(s);
  float* z = scratch;
  float* d = z + PIXELS * plan.inputs;
  float* m = d + PIXELS * plan.outputs;
  float* total = m + PIXELS * plan.back;
  float* own = total + size_t(s.c) * plan.outputs;
  const float* back = u + size_t(s.c) * plan.outputs;
  memset(scratch, 0, plan.backward_scratch() * sizeof(float));
  memset(sums, 0, 2 * s.c * sizeof(double));
  for (int64_t block = plan.first(part); block < plan.first(part + 1); block++) {
    const int64_t first = block * PIXELS;
    const int count = int(least<int64_t>(PIXELS, plan.pixels - first));
    complete(count, s.k, dy + first * s.out, s.out, y + first * s.out, s.out, rest, d,
             plan.outputs);
    read_pixels(x + first * s.in, s.in, count, s.c, Normalized{p}, z, plan.inputs);
    for (int q = 0; q < plan.panels; q++)
      panel_product(Left{z, 1, plan.inputs}, Right{d + q * plan.nr, plan.outputs},
                    Depth{count}, ToSums{total + q * plan.nr, plan.outputs, true}, s.c,
                    s.k - q * plan.nr);
    for (int q = 0; q < plan.back_panels; q++)
      panel_product(Left{d, plan.outputs, 1},
                    Right{back + size_t(q) * s.k * plan.back_nr, plan.back_nr}, Depth{s.k},
                    ToSums{m + q * plan.back_nr, plan.back, false}, count,
                    s.c - q * plan.back_nr);
    write_pixels(m, plan.back, count, s.c, first, s.in,
                 Backward<true>{x, p, g, own, own + s.c});
    flush(own, 2 * s.c, sums);
  }
  for (int c = 0; c < s.c; c++)
    memcpy(dw + size_t(c) * s.k, total + size_t(c) * plan.outputs, s.k * sizeof(float));
}

}  // namespace
