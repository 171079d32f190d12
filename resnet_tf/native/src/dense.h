// The other units of a dense block: BN-ReLU, then a 1x1 convolution. Also the function that
// completes gradients. unit.h explains how units work.
#pragma once
#include "unit.h"

namespace {

constexpr int PIXELS = 48;  // that a 1x1 convolution takes at a time

// The plan of a 1x1 unit. A part is a range of blocks of pixels.

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
  // Up to 16 parts, each with at least 16 blocks.
  INLINE int64_t parts() const { return most<int64_t>(1, least<int64_t>(16, blocks() / 16)); }
  INLINE int64_t first(int64_t part) const { return blocks() * part / parts(); }
  INLINE size_t scratch() const {
    return size_t(PIXELS) * (inputs + outputs) + 3 * size_t(s.k);
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

// Packs w [c][k] in panels of k for the forward pass, then in panels of c for the gradient.
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
    for (int64_t t = 0; t < count; t++) {
      const float* at = x + t * in + i;
      store(to + t * width + i, read(access.get(at), at));
    }
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
  memset(sums, 0, 2 * s.k * sizeof(double));
  for (int64_t block = plan.first(part); block < plan.first(part + 1); block++) {
    const int64_t first = block * PIXELS;
    const int count = int(least<int64_t>(PIXELS, plan.pixels - first));
    read_pixels(x + first * s.in, s.in, count, s.c, Normalized{p}, z, plan.inputs);
    for (int q = 0; q < plan.panels; q++)
      panel_product(Left{z, plan.inputs, 1}, Right{u + size_t(q) * s.c * plan.nr, plan.nr},
                    Depth{s.c}, ToSums{m + q * plan.nr, plan.outputs, false}, count,
                    s.k - q * plan.nr);
    memset(own, 0, 3 * s.k * sizeof(float));
    write_pixels(m, plan.outputs, count, s.k, first, s.out,
                 WriteAndSum<false>{y, nullptr, own, own + s.k, own + 2 * s.k, true});
    add_moments(own, s.k, count, sums);
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
                 Backward<true>{x, p, g, g, own, own + s.c});
    flush(own, 2 * s.c, sums);
  }
  for (int c = 0; c < s.c; c++)
    memcpy(dw + size_t(c) * s.k, total + size_t(c) * plan.outputs, s.k * sizeof(float));
}

}  // namespace
