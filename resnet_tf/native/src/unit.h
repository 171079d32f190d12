// The units of dense and residual blocks: BN-ReLU, then a 3x3 convolution.
//
// A unit reads the first c channels of pixels that can have more channels, and normalizes
// them as it reads them. So the normalized values are never stored.
//
// The gradient of batch norm is
//     dx = scale * dz + slope * (x - mean) + constant,
// where dz is the gradient of scale * (x - mean) + offset. The last two terms are known
// only after all of dz has been summed. They have the same form in x for all units that
// read a channel. So a unit adds `scale * dz` to the gradient at once and adds the two
// coefficients to sums per channel. The last reader of the gradient adds the two terms.
#pragma once
#include "winograd.h"

namespace {

using resnet_tf::Normalization;
using resnet_tf::Rest;
using resnet_tf::Unit;
using resnet_tf::Upstream;

INLINE Convolution convolution(const Unit& s) { return {s.n, s.h, s.w, s.c, s.k}; }
// The input gradient is a convolution from k to c channels.
INLINE Convolution transposed(const Unit& s) { return {s.n, s.h, s.w, s.k, s.c}; }

// Normalizes inputs and applies ReLU as they are read.
struct Normalized {
  Normalization p;
  struct At {
    Vec mean, scale, offset;
    INLINE Vec operator()(Vec x, const float*) const {
      return relu((x - mean) * scale + offset);
    }
  };
  INLINE Normalized from(int c0) const {
    return {{p.mean + c0, p.scale + c0, p.offset + c0}};
  }
  template <class Access>
  INLINE At at(int i, const Access& access) const {
    return {access.get(p.mean + i), access.get(p.scale + i), access.get(p.offset + i)};
  }
};

// Adds the missing terms to gradients as they are read; with KEEP, writes the result.
template <bool KEEP>
struct Completed {
  Upstream of;
  template <class Access>
  struct At {
    const Upstream& of;
    Access access;
    Vec mean, slope, constant;
    INLINE Vec operator()(Vec g, const float* address) const {
      const ptrdiff_t at = address - of.dy;
      const Vec whole = g + (slope * (access.get(of.y + at) - mean) + constant);
      if (KEEP) access.put(of.whole + at, whole);
      return whole;
    }
  };
  INLINE Completed from(int k0) const {
    const Rest& r = of.rest;
    return {{of.dy, of.y, {r.mean + k0, r.slope + k0, r.constant + k0}, of.whole}};
  }
  template <class Access>
  INLINE At<Access> at(int i, const Access& access) const {
    return {of, access, access.get(of.rest.mean + i), access.get(of.rest.slope + i),
            access.get(of.rest.constant + i)};
  }
};

// Writes outputs, with ADD plus another map. Sums their differences from an origin and the
// squares of the differences. The origin of a channel is the first output written: sums of
// squares about 0 would lose the variance of a map with a large mean.
template <bool ADD>
struct WriteAndSum {
  float* y;
  const float* add;
  float *origin, *sum, *square;
  bool first;
  template <class Access>
  struct At {
    WriteAndSum to;
    Access access;
    Vec origin, s, q;
    INLINE void operator()(ptrdiff_t at, Vec r) {
      if (ADD) r += access.get(to.add + at);
      if (to.first) {
        to.first = false;
        origin = r;
        access.put(to.origin, r);
      }
      access.put(to.y + at, r);
      const Vec d = r - origin;
      s += d;
      q += d * d;
    }
    INLINE void end() const {
      access.put(to.sum, access.get(to.sum) + s);
      access.put(to.square, access.get(to.square) + q);
    }
  };
  INLINE WriteAndSum from(int k0, bool is_first) const {
    return {y + k0, ADD ? add + k0 : nullptr, origin + k0, sum + k0, square + k0, is_first};
  }
  template <class Access>
  INLINE At<Access> at(int k0, const Access& access) const {
    const WriteAndSum to = {y, add, origin + k0, sum + k0, square + k0, first};
    return {to, access, first ? Vec{} : access.get(to.origin), Vec{}, Vec{}};
  }
};

// Adds the sums of `pixels` outputs and of their squares to `sums` [2][k]. `own` is the
// [3][k] of `WriteAndSum`.
INLINE void add_moments(const float* own, int k, int64_t pixels, double* sums) {
  for (int i = 0; i < k; i++) {
    const double o = double(own[i]), s = double(own[k + i]), n = double(pixels);
    sums[i] += s + n * o;
    sums[k + i] += double(own[2 * k + i]) + o * (2 * s + n * o);
  }
}

// Processes gradients of normalized inputs. dz is the gradient, or 0 where ReLU set the
// input to 0. Adds dz and dz * (x - mean) to sums [2][c], and writes scale * dz, with ADD
// plus another gradient.
template <bool ADD>
struct Backward {
  const float* x;
  Normalization p;
  const float* add;
  float *g, *sum, *product;
  template <class Access>
  struct At {
    const float *x, *add;
    float *g, *sum, *product;
    Access access;
    Vec mean, scale, offset, s, q;
    INLINE void operator()(ptrdiff_t at, Vec r) {
      const Vec d = access.get(x + at) - mean;
      const Vec dz = d * scale + offset > 0 ? r : Vec{};
      s += dz;
      q += dz * d;
      access.put(g + at, ADD ? access.get(add + at) + scale * dz : scale * dz);
    }
    INLINE void end() const {
      access.put(sum, access.get(sum) + s);
      access.put(product, access.get(product) + q);
    }
  };
  INLINE Backward from(int c0, bool) const {
    return {x + c0, Normalized{p}.from(c0).p, ADD ? add + c0 : nullptr, g + c0, sum + c0,
            product + c0};
  }
  template <class Access>
  INLINE At<Access> at(int i, const Access& access) const {
    const Normalized::At n = Normalized{p}.at(i, access);
    return {x,      add,     g,        sum + i, product + i, access,
            n.mean, n.scale, n.offset, Vec{},   Vec{}};
  }
};

// Writes gradients, with ADD plus another gradient.
template <bool ADD>
struct WritePlus {
  const float* add;
  float* g;
  template <class Access>
  struct At {
    const WritePlus& to;
    Access access;
    INLINE void operator()(ptrdiff_t at, Vec r) const {
      access.put(to.g + at, ADD ? access.get(to.add + at) + r : r);
    }
    INLINE void end() const {}
  };
  INLINE WritePlus from(int c0, bool) const { return {ADD ? add + c0 : nullptr, g + c0}; }
  template <class Access>
  INLINE At<Access> at(int, const Access& access) const {
    return {*this, access};
  }
};

// Adds `floats` to `sums` and sets them to 0.
INLINE void flush(float* floats, int count, double* sums) {
  for (int i = 0; i < count; i++) sums[i] += floats[i];
  memset(floats, 0, count * sizeof(float));
}

// The forward pass of 3x3 units. A part is a group of tiles.

size_t unit3_scratch(const Unit& s) {
  return Forward(convolution(s)).scratch() + 3 * size_t(s.k);
}

// Returns the number of pixels in a group of tiles, some of which are partly outside the
// map.
int64_t group_pixels(const Forward& plan, int64_t group) {
  const int64_t first = group * GROUP, last = least(first + GROUP, plan.tiles.count);
  const int side = plan.tiles.side;
  Position at(plan.tiles, first);
  int64_t pixels = 0;
  for (int64_t t = first; t < last; t++, at.next())
    pixels += least(side, plan.s.h - at.row * side) * least(side, plan.s.w - at.column * side);
  return pixels;
}

void unit3_forward(const Unit& s, const Normalization& p, const float* x, const float* u,
                   const float* add, float* y, double* sums, int64_t part, float* scratch) {
  const Convolution shape = convolution(s);
  const Forward plan(shape);
  float* own = scratch + plan.scratch();
  memset(own, 0, 3 * s.k * sizeof(float));
  float *sum = own + s.k, *square = sum + s.k;
  const auto with = [&](const auto& read) {
    if (add)
      convolve_group(plan, x, s.in, u, s.out, part, read,
                     WriteAndSum<true>{y, add, own, sum, square, false}, scratch);
    else
      convolve_group(plan, x, s.in, u, s.out, part, read,
                     WriteAndSum<false>{y, nullptr, own, sum, square, false}, scratch);
  };
  if (p.mean) with(Normalized{p});
  else with(AsIs());
  memset(sums, 0, 2 * s.k * sizeof(double));
  add_moments(own, s.k, group_pixels(plan, part), sums);
}

// The gradient of 3x3 units. A part is a range of groups, as for the filter gradient.

size_t unit3_backward_scratch(const Unit& s) {
  const Convolution shape = convolution(s), back = transposed(s);
  const FilterGradient plan(shape);
  return plan.sums() + most(plan.tiles_scratch(), Forward(back).scratch()) + 2 * size_t(s.c);
}

// Calls body(read, write). `read` is the prologue for x; `write` processes the gradient of
// the convolution's input.
template <class Body>
INLINE void with_norm(const Normalization& p, const float* x, const float* add, float* g,
                      float* sum, float* product, const Body& body) {
  if (p.mean && add) body(Normalized{p}, Backward<true>{x, p, add, g, sum, product});
  else if (p.mean) body(Normalized{p}, Backward<false>{x, p, add, g, sum, product});
  else if (add) body(AsIs(), WritePlus<true>{add, g});
  else body(AsIs(), WritePlus<false>{add, g});
}

// Calls body(first, second), the prologues for reading the upstream gradient the first time
// and the second time.
template <class Body>
INLINE void with_upstream(const Upstream& upstream, const Body& body) {
  if (!upstream.y) body(AsIs(), AsIs());
  else if (upstream.whole) body(Completed<true>{upstream}, Completed<false>{upstream});
  else body(Completed<false>{upstream}, Completed<false>{upstream});
}

void unit3_backward(const Unit& s, const Normalization& p, const float* x,
                    const Upstream& upstream, const float* u, const float* add, float* g,
                    double* sums, float* dw, int64_t part, float* scratch) {
  const Convolution shape = convolution(s), back = transposed(s);
  const FilterGradient plan(shape);
  const Forward back_plan(back);
  float* convolved = scratch + plan.sums();  // where the tiles of the filter gradient were
  float* own = convolved + most(plan.tiles_scratch(), back_plan.scratch());
  memset(scratch, 0, plan.scratch() * sizeof(float));
  memset(own, 0, 2 * s.c * sizeof(float));
  memset(sums, 0, 2 * s.c * sizeof(double));
  for (int64_t group = plan.first(part); group < plan.first(part + 1); group++) {
    with_upstream(upstream, [&](const auto& first, const auto& second) {
      with_norm(p, x, add, g, own, own + s.c, [&](const auto& read, const auto& write) {
        add_group(plan, x, s.in, upstream.dy, group, read, first, scratch);
        convolve_group(back_plan, upstream.dy, s.k, u, s.in, group, second, write, convolved);
      });
    });
    flush(own, 2 * s.c, sums);
  }
  write_filter_gradient(plan, scratch, dw);
}

}  // namespace
