// 3x3 and 5x5 convolutions with stride 1 by Winograd's minimal filtering, F(4x4, 3x3) and
// F(2x2, 5x5): forward and filter gradient. The input gradient is the forward pass with
// rotated filters.
//
// A tile of 4x4 or 2x2 outputs needs 6x6 inputs. Inputs and filters are transformed to 36
// "frequencies". For each frequency the convolution is a product of a tiles x c and a
// c x k matrix. The 36 products are transformed back. This takes 36 multiplications per
// tile, input channel and output channel instead of 144 or 100.
//
// Lavin and Gray 2015, "Fast Algorithms for Convolutional Neural Networks",
// arXiv:1509.09308. README.md in the folder above derives the matrices.
#pragma once
#include "kernels.h"
#include "product.h"

namespace {

using resnet_tf::Convolution;
using resnet_tf::Epilogue;

constexpr int A = 6;          // side of a tile of inputs
constexpr int A2 = A * A;     // frequencies
constexpr int GROUP = 48;     // tiles that are transformed at a time
constexpr int PAD = 16;       // floats between frequencies, to avoid the same cache sets

// The side of a tile of outputs for filters of SIZE x SIZE.
template <int SIZE>
constexpr int OUTPUTS = A - SIZE + 1;

template <int N>
struct Size {
  static constexpr int value = N;
};

// Calls body(Size<N>()) for filters of N x N.
template <class Body>
INLINE auto with_size(const Convolution& s, const Body& body) {
  return s.size == 5 ? body(Size<5>()) : body(Size<3>());
}

// The points 0, +-P, +-Q and infinity. float32 represents their factors exactly, and the
// error is a third of the error with the usual points 0, +-1, +-2.
constexpr float P = 0.625f, Q = 1.5f, P2 = P * P, Q2 = Q * Q;

INLINE void input_transform(const Vec d[A], Vec r[A]) {
  const Vec e = d[4] - Q2 * d[2], o = P * (d[3] - Q2 * d[1]);
  const Vec g = d[4] - P2 * d[2], h = Q * (d[3] - P2 * d[1]);
  r[0] = d[4] - (P2 + Q2) * d[2] + (P2 * Q2) * d[0];
  r[1] = e + o;
  r[2] = e - o;
  r[3] = g + h;
  r[4] = g - h;
  r[5] = d[5] - (P2 + Q2) * d[3] + (P2 * Q2) * d[1];
}

template <int M>
INLINE void output_transform(const Vec m[A], Vec y[M]) {
  const Vec s = m[1] + m[2], d = m[1] - m[2], t = m[3] + m[4], e = m[3] - m[4];
  y[0] = m[0] + s + t;
  y[1] = P * d + Q * e;
  if constexpr (M == 4) {
    y[2] = P2 * s + Q2 * t;
    y[3] = (P * P2) * d + (Q * Q2) * e;
  }
  y[M - 1] += m[5];
}

// The transpose of `output_transform`, for the gradient of the outputs.
template <int M>
INLINE void gradient_transform(const Vec y[M], Vec w[A]) {
  Vec e = y[0], o = y[1], g = y[0], h = y[1];
  if constexpr (M == 4) {
    e += P2 * y[2];
    o += P2 * y[3];
    g += Q2 * y[2];
    h += Q2 * y[3];
  }
  w[0] = y[0];
  w[1] = e + P * o;
  w[2] = e - P * o;
  w[3] = g + Q * h;
  w[4] = g - Q * h;
  w[5] = y[M - 1];
}

// G, 6 x SIZE. Row i is (1, p, p^2, ...) / product over the other points q of (p - q); the
// last row is (0, ..., 0, 1).
template <int SIZE>
struct FilterMatrix {
  float g[A][SIZE];
  constexpr FilterMatrix() : g() {
    const double points[A - 1] = {0, P, -P, Q, -Q};
    for (int i = 0; i < A - 1; i++) {
      double power = 1;
      for (int j = 0; j < A - 1; j++)
        if (j != i) power /= points[i] - points[j];
      for (int r = 0; r < SIZE; r++, power *= points[i]) g[i][r] = float(power);
    }
    g[A - 1][SIZE - 1] = 1;
  }
};
template <int SIZE>
constexpr FilterMatrix<SIZE> G;

// The tiles of all images, row by row. The last tiles of a map can be partly outside.
struct Tiles {
  int side, border, rows, columns;  // border: zeros before a map
  int64_t count;
  explicit INLINE Tiles(const Convolution& s)
      : side(A - s.size + 1), border(s.size / 2), rows((s.h + side - 1) / side),
        columns((s.w + side - 1) / side), count(s.n * rows * columns) {}
};

// The position of a tile; `next` moves to the next tile.
struct Position {
  const Tiles& tiles;
  int64_t image;
  int row, column;
  INLINE Position(const Tiles& t, int64_t first) : tiles(t) {
    const int64_t per_image = int64_t(t.rows) * t.columns;
    image = first / per_image;
    const int left = int(first % per_image);
    row = left / t.columns;
    column = left % t.columns;
  }
  INLINE void next() {
    if (++column < tiles.columns) return;
    column = 0;
    if (++row < tiles.rows) return;
    row = 0;
    image++;
  }
};

// Transforms the filters of input channels `first` to `last`, excluding `last`. u is
// [36][panels][c][panel width].
template <int SIZE>
void transform_filters_of(const Convolution& s, const float* w, bool flip, float* u,
                          int first, int last) {
  constexpr auto& matrix = G<SIZE>.g;
  const int nr = panel_width(s.k), panels = panel_count(s.k);
  for (int p = 0; p < panels; p++)
    for (int ci = first; ci < last; ci++) {
      float g[SIZE][SIZE][2 * LANES] = {}, t[A][SIZE][2 * LANES] = {};
      const int kn = least(nr, s.k - p * nr);
      for (int r = 0; r < SIZE; r++)
        for (int q = 0; q < SIZE; q++) {
          const int tap = r * SIZE + q, turned = SIZE * SIZE - 1 - tap;
          const float* from = flip ? w + (size_t(turned) * s.k + p * nr) * s.c + ci
                                   : w + (size_t(tap) * s.c + ci) * s.k + p * nr;
          const ptrdiff_t step = flip ? s.c : 1;
          for (int j = 0; j < kn; j++) g[r][q][j] = from[j * step];
        }
      for (int i = 0; i < A; i++)
        for (int q = 0; q < SIZE; q++)
          for (int r = 0; r < SIZE; r++)
            for (int j = 0; j < nr; j++) t[i][q][j] += matrix[i][r] * g[r][q][j];
      for (int i = 0; i < A; i++)
        for (int l = 0; l < A; l++) {
          float sum[2 * LANES] = {};
          for (int q = 0; q < SIZE; q++)
            for (int j = 0; j < nr; j++) sum[j] += matrix[l][q] * t[i][q][j];
          memcpy(u + ((size_t(i * A + l) * panels + p) * s.c + ci) * nr, sum,
                 nr * sizeof(float));
        }
    }
}

void transform_filters(const Convolution& s, const float* w, bool flip, float* u, int first,
                       int last) {
  with_size(s, [&](auto size) {
    transform_filters_of<decltype(size)::value>(s, w, flip, u, first, last);
  });
}

// Transforms a tile of inputs, c channels of 6 rows. Null rows, columns before `low` and
// columns from `high` on are outside the map. Frequency f goes to v + f * step.
template <bool EDGE, class Read>
INLINE void input_tile(const float* const* rows, ptrdiff_t pixel, int c, int low,
                       int high, const Read& prologue, float* v, ptrdiff_t step) {
  for_vectors(c, [&](int i0, auto access) INLINE_LAMBDA {
    const auto read = prologue.at(i0, access);
    Vec t[A][A];
    UNROLL for (int j = 0; j < A; j++) {
      if (EDGE && (j < low || j >= high)) {
        UNROLL for (int i = 0; i < A; i++) t[i][j] = Vec{};
        continue;
      }
      Vec d[A], r[A];
      UNROLL for (int i = 0; i < A; i++) {
        const float* x = rows[i] + j * pixel + i0;
        d[i] = EDGE && !rows[i] ? Vec{} : read(access.get(x), x);
      }
      input_transform(d, r);
      UNROLL for (int i = 0; i < A; i++) t[i][j] = r[i];
    }
    UNROLL for (int i = 0; i < A; i++) {
      Vec r[A];
      input_transform(t[i], r);
      UNROLL for (int j = 0; j < A; j++) store(v + (i * A + j) * step + i0, r[j]);
    }
  });
}

// Transforms the tiles [first, first + count) of c channels of x, whose pixels are `pixel`
// floats apart. Writes to v[f * step + t * width + i].
template <class Read>
void input_tiles(const float* x, ptrdiff_t pixel, const Convolution& s, const Tiles& tiles,
                 int64_t first, int count, int c, const Read& read, float* v,
                 ptrdiff_t step, int width) {
  Position at(tiles, first);
  for (int t = 0; t < count; t++, at.next()) {
    const int top = at.row * tiles.side - tiles.border;
    const int left = at.column * tiles.side - tiles.border;
    const float* rows[A];
    bool edge = left < 0 || left + A > s.w;
    for (int i = 0; i < A; i++) {
      const int y = top + i;
      const bool outside = y < 0 || y >= s.h;
      edge |= outside;
      rows[i] = outside
                    ? nullptr
                    : x + ((ptrdiff_t(at.image) * s.h + y) * s.w + left) * pixel;
    }
    float* to = v + ptrdiff_t(t) * width;
    if (edge)
      input_tile<true>(rows, pixel, c, most(0, -left), least(A, s.w - left), read, to, step);
    else
      input_tile<false>(rows, pixel, c, 0, A, read, to, step);
  }
}

// Adds a bias to an output, applies ReLU and writes it. Other epilogues do more. from(k,
// first) returns the epilogue for channels from k on; `first` says whether it is for the
// first tile of a group.
struct Write {
  float* y;
  Epilogue epilogue;
  template <class Access>
  struct At {
    const Write& to;
    const Access& access;
    Vec bias;
    INLINE void operator()(ptrdiff_t at, Vec r) const {
      if (to.epilogue.bias) r += bias;
      access.put(to.y + at, to.epilogue.relu ? relu(r) : r);
    }
    INLINE void end() const {}
  };
  INLINE Write from(int k0, bool) const {
    return {y + k0, {epilogue.bias ? epilogue.bias + k0 : nullptr, epilogue.relu}};
  }
  template <class Access>
  INLINE At<Access> at(int k0, const Access& access) const {
    return {*this, access, epilogue.bias ? access.get(epilogue.bias + k0) : Vec{}};
  }
};

// Transforms a tile of k channels back and writes the part inside the map, `height` x
// `width`, from pixel `corner` on. Rows are `row` and pixels `pixel` floats apart.
template <int M, bool EDGE, class Write>
INLINE void output_tile(const float* m, ptrdiff_t step, ptrdiff_t corner, ptrdiff_t row,
                        ptrdiff_t pixel, int k, int height, int width,
                        const Write& epilogue) {
  for_vectors(k, [&](int k0, auto access) INLINE_LAMBDA {
    Vec t[M][A];
    UNROLL for (int j = 0; j < A; j++) {
      Vec c[A], r[M];
      UNROLL for (int i = 0; i < A; i++) c[i] = load(m + (i * A + j) * step + k0);
      output_transform<M>(c, r);
      UNROLL for (int i = 0; i < M; i++) t[i][j] = r[i];
    }
    auto write = epilogue.at(k0, access);
    UNROLL for (int i = 0; i < M; i++) {
      if (EDGE && i >= height) break;
      Vec r[M];
      output_transform<M>(t[i], r);
      UNROLL for (int j = 0; j < M; j++) {
        if (EDGE && j >= width) break;
        write(corner + i * row + j * pixel + k0, r[j]);
      }
    }
    write.end();
  });
}

// Transforms a tile of output gradients, with zeros outside `height` x `width`.
template <int M, bool EDGE, class Read>
INLINE void gradient_tile(const float* dy, ptrdiff_t row, ptrdiff_t pixel, int k,
                          int height, int width, const Read& prologue, float* v,
                          ptrdiff_t step) {
  for_vectors(k, [&](int k0, auto access) INLINE_LAMBDA {
    const auto read = prologue.at(k0, access);
    Vec t[A][M];
    UNROLL for (int j = 0; j < M; j++) {
      Vec d[M], r[A];
      UNROLL for (int i = 0; i < M; i++) {
        const float* y = dy + i * row + j * pixel + k0;
        d[i] = EDGE && (i >= height || j >= width) ? Vec{} : read(access.get(y), y);
      }
      gradient_transform<M>(d, r);
      UNROLL for (int i = 0; i < A; i++) t[i][j] = r[i];
    }
    UNROLL for (int i = 0; i < A; i++) {
      Vec r[A];
      gradient_transform<M>(t[i], r);
      UNROLL for (int j = 0; j < A; j++) store(v + (i * A + j) * step + k0, r[j]);
    }
  });
}

// The plan of the forward pass. A part is a group of tiles. Its inputs, for some channels
// at a time, and its products stay in the L2 cache. If the inputs have few channels, the
// outputs are computed some channels at a time too.
struct Forward {
  const Convolution& s;
  Tiles tiles;
  int channels, nr, panels, outputs;
  ptrdiff_t v_step, m_step;

  explicit INLINE Forward(const Convolution& shape)
      : s(shape), tiles(shape),
        channels(least(64, round_up(shape.c, LANES))), nr(panel_width(shape.k)),
        panels(panel_count(shape.k)),
        outputs(s.c <= channels ? least(64, panels * nr) : panels * nr),
        v_step(ptrdiff_t(GROUP) * channels + PAD),
        m_step(ptrdiff_t(GROUP) * outputs + PAD) {}
  INLINE int64_t parts() const { return (tiles.count + GROUP - 1) / GROUP; }
  INLINE size_t scratch() const { return A2 * size_t(v_step + m_step); }
};

int64_t forward_parts(const Convolution& s) { return Forward(s).parts(); }
size_t forward_scratch(const Convolution& s) { return Forward(s).scratch(); }
size_t filter_floats(const Convolution& s) {
  return size_t(A2) * panel_count(s.k) * panel_width(s.k) * s.c;
}

// Convolves group number `part`. Pixels are `in` floats apart in x and `out` floats apart
// in the outputs.
template <int SIZE = 3, class Read, class Write>
void convolve_group(const Forward& plan, const float* x, ptrdiff_t in, const float* u,
                    ptrdiff_t out, int64_t part, const Read& read, const Write& write,
                    float* scratch) {
  constexpr int M = OUTPUTS<SIZE>;
  const Convolution& s = plan.s;
  float* v = scratch;
  float* m = v + A2 * plan.v_step;
  const int64_t first = part * GROUP;
  const int count = int(least<int64_t>(GROUP, plan.tiles.count - first));
  const ptrdiff_t row = s.w * out;
  for (int k0 = 0; k0 < s.k; k0 += plan.outputs) {
    const int k = least(plan.outputs, s.k - k0);
    for (int c0 = 0; c0 < s.c; c0 += plan.channels) {
      const int c = least(plan.channels, s.c - c0);
      if (k0 == 0)  // otherwise v already holds the only block of channels
        input_tiles(x + c0, in, s, plan.tiles, first, count, c, read.from(c0), v,
                    plan.v_step, plan.channels);
      for (int f = 0; f < A2; f++)
        for (int p = 0; p * plan.nr < k; p++)
          panel_product(
              Left{v + f * plan.v_step, plan.channels, 1},
              Right{u + ((size_t(f) * plan.panels + k0 / plan.nr + p) * s.c + c0) * plan.nr,
                    plan.nr},
              Depth{c}, ToSums{m + f * plan.m_step + p * plan.nr, plan.outputs, c0 > 0},
              count, k - p * plan.nr);
    }
    Position at(plan.tiles, first);
    for (int t = 0; t < count; t++, at.next()) {
      const int top = at.row * M, left = at.column * M;
      const int height = least(M, s.h - top), width = least(M, s.w - left);
      const ptrdiff_t to = (ptrdiff_t(at.image) * s.h + top) * row + left * out;
      const float* from = m + ptrdiff_t(t) * plan.outputs;
      if (height < M || width < M)
        output_tile<M, true>(from, plan.m_step, to, row, out, k, height, width,
                             write.from(k0, t == 0));
      else
        output_tile<M, false>(from, plan.m_step, to, row, out, k, M, M,
                              write.from(k0, t == 0));
    }
  }
}

void forward(const Convolution& s, const float* x, const float* u, float* y,
             const Epilogue& epilogue, int64_t part, float* scratch) {
  with_size(s, [&](auto size) {
    convolve_group<decltype(size)::value>(Forward(s), x, s.c, u, s.k, part, AsIs(),
                                          Write{y, epilogue}, scratch);
  });
}

// The plan of dw = G^T (sum over tiles of (B^T x B) (A dy A^T)) G. Either x or dy gives the
// rows of the products, and the other the vectors, so that fewer lanes are wasted.
struct FilterGradient {
  const Convolution& s;
  Tiles tiles;
  bool swapped;  // rows are channels of dy
  int rows, columns, nr, panels, channels, outputs;
  ptrdiff_t v_step, d_step;

  explicit INLINE FilterGradient(const Convolution& shape)
      : s(shape), tiles(shape),
        swapped(int64_t(s.k) * round_up(s.c, LANES) < int64_t(s.c) * round_up(s.k, LANES)),
        rows(swapped ? s.k : s.c), columns(swapped ? s.c : s.k), nr(panel_width(columns)),
        panels(panel_count(columns)), channels(least(64, round_up(s.c, nr))),
        outputs(round_up(s.k, nr)), v_step(ptrdiff_t(GROUP) * channels + PAD),
        d_step(ptrdiff_t(GROUP) * outputs + PAD) {}
  INLINE int64_t groups() const { return (tiles.count + GROUP - 1) / GROUP; }
  // The number of parts is a power of two up to 16 (threads). Each has at least 4 groups,
  // and all partial sums together take at most 32 MiB.
  INLINE int64_t parts() const {
    int64_t parts = 1;
    const int64_t floats = int64_t(s.size) * s.size * s.c * s.k;
    while (parts < 16 && 4 * parts <= groups() && 2 * parts * floats <= 1 << 23) parts *= 2;
    return parts;
  }
  INLINE int64_t first(int64_t part) const { return groups() * part / parts(); }
  INLINE size_t sums() const { return size_t(A2) * rows * panels * nr; }
  INLINE size_t tiles_scratch() const { return A2 * size_t(v_step + d_step); }
  INLINE size_t scratch() const { return sums() + tiles_scratch(); }
};

int64_t filter_gradient_parts(const Convolution& s) { return FilterGradient(s).parts(); }
size_t filter_gradient_scratch(const Convolution& s) {
  return FilterGradient(s).scratch();
}

// dw = G^T sum G, for all pairs of channels.
template <int SIZE>
void transform_sums(const FilterGradient& plan, const float* sums, float* dw) {
  constexpr auto& matrix = G<SIZE>.g;
  const Convolution& s = plan.s;
  const int nr = plan.nr;
  const size_t step = plan.sums() / A2;
  for (int p = 0; p < plan.panels; p++)
    for (int r = 0; r < plan.rows; r++) {
      float t[SIZE][A][2 * LANES] = {};
      for (int j = 0; j < A; j++)
        for (int q = 0; q < SIZE; q++)
          for (int i = 0; i < A; i++) {
            const float* at = sums + (i * A + j) * step + (size_t(p) * plan.rows + r) * nr;
            for (int l = 0; l < nr; l++) t[q][j][l] += matrix[i][q] * at[l];
          }
      const int used = least(nr, plan.columns - p * nr);
      for (int q = 0; q < SIZE; q++)
        for (int o = 0; o < SIZE; o++) {
          float sum[2 * LANES] = {};
          for (int j = 0; j < A; j++)
            for (int l = 0; l < nr; l++) sum[l] += matrix[j][o] * t[q][j][l];
          const int c0 = plan.swapped ? p * nr : r, k0 = plan.swapped ? r : p * nr;
          float* to = dw + (size_t(q * SIZE + o) * s.c + c0) * s.k + k0;
          const ptrdiff_t next = plan.swapped ? s.k : 1;
          for (int l = 0; l < used; l++) to[l * next] = sum[l];
        }
    }
}

// Adds the products of a group of tiles to the sums. Pixels of x are `in` floats apart;
// pixels of dy have k channels. Before the first group `scratch` must hold zeros: lanes
// after the last channel do not affect results, but must hold numbers.
template <int SIZE = 3, class Read, class ReadGradient>
void add_group(const FilterGradient& plan, const float* x, ptrdiff_t in, const float* dy,
               int64_t group, const Read& read, const ReadGradient& read_gradient,
               float* scratch) {
  constexpr int M = OUTPUTS<SIZE>;
  const Convolution& s = plan.s;
  float* sums = scratch;
  float* v = sums + plan.sums();
  float* d = v + A2 * plan.v_step;
  const ptrdiff_t row = ptrdiff_t(s.w) * s.k;
  const size_t step = plan.sums() / A2;
  const int64_t first = group * GROUP;
  const int count = int(least<int64_t>(GROUP, plan.tiles.count - first));
  Position at(plan.tiles, first);
  for (int t = 0; t < count; t++, at.next()) {
    const int top = at.row * M, left = at.column * M;
    const int height = least(M, s.h - top), width = least(M, s.w - left);
    const float* from =
        dy + (ptrdiff_t(at.image) * s.h + top) * row + ptrdiff_t(left) * s.k;
    float* to = d + ptrdiff_t(t) * plan.outputs;
    if (height < M || width < M)
      gradient_tile<M, true>(from, row, s.k, s.k, height, width, read_gradient, to,
                             plan.d_step);
    else
      gradient_tile<M, false>(from, row, s.k, s.k, M, M, read_gradient, to, plan.d_step);
  }
  for (int c0 = 0; c0 < s.c; c0 += plan.channels) {
    const int c = least(plan.channels, s.c - c0);
    input_tiles(x + c0, in, s, plan.tiles, first, count, c, read.from(c0), v, plan.v_step,
                plan.channels);
    for (int f = 0; f < A2; f++) {
      const float* vf = v + f * plan.v_step;
      const float* df = d + f * plan.d_step;
      float* to = sums + f * step;
      if (plan.swapped) {
        for (int p = 0; p * plan.nr < c; p++)
          panel_product(
              Left{df, 1, plan.outputs}, Right{vf + p * plan.nr, plan.channels},
              Depth{count},
              ToSums{to + size_t(c0 / plan.nr + p) * plan.rows * plan.nr, plan.nr, true},
              plan.rows, c - p * plan.nr);
      } else {
        for (int p = 0; p < plan.panels; p++)
          panel_product(
              Left{vf, 1, plan.channels}, Right{df + p * plan.nr, plan.outputs},
              Depth{count},
              ToSums{to + (size_t(p) * plan.rows + c0) * plan.nr, plan.nr, true}, c,
              s.k - p * plan.nr);
      }
    }
  }
}

// Writes the filter gradient, the sum of all groups that `add_group` has added.
template <int SIZE = 3>
void write_filter_gradient(const FilterGradient& plan, const float* scratch, float* dw) {
  transform_sums<SIZE>(plan, scratch, dw);
}

void filter_gradient(const Convolution& s, const float* x, const float* dy, float* dw,
                     int64_t part, float* scratch) {
  const FilterGradient plan(s);
  memset(scratch, 0, plan.scratch() * sizeof(float));
  with_size(s, [&](auto size) {
    constexpr int SIZE = decltype(size)::value;
    for (int64_t group = plan.first(part); group < plan.first(part + 1); group++)
      add_group<SIZE>(plan, x, s.c, dy, group, AsIs(), AsIs(), scratch);
    write_filter_gradient<SIZE>(plan, scratch, dw);
  });
}

}  // namespace
