// Matrix products in single precision: rows x depth by depth x panel of columns.
//
// The sums of a block of rows stay in registers. The left matrix is read number by
// number, so its elements can have any strides. The right matrix is read in whole vectors,
// so it is packed into panels of columns.
#pragma once
#include "simd.h"

namespace {

#if defined(__AVX512F__)
constexpr int ROWS_2 = 12, ROWS_1 = 12;  // rows of a block with 2 vectors, and with 1
#else
constexpr int ROWS_2 = 6, ROWS_1 = 12;
#endif

// A panel of columns is two vectors wide, or one if that holds all columns.
INLINE int panel_width(int columns) { return columns <= LANES ? LANES : 2 * LANES; }
INLINE int panel_count(int columns) {
  return (columns + panel_width(columns) - 1) / panel_width(columns);
}

// A prologue changes inputs as they are read. This one does nothing; others normalize and
// apply ReLU. at(i, access) returns the function for the vector of channels from i on. The
// function also gets the address of the values read.
struct AsIs {
  INLINE AsIs from(int) const { return {}; }
  template <class Access>
  INLINE AsIs at(int, const Access&) const { return {}; }
  INLINE Vec operator()(Vec x, const float*) const { return x; }
};
template <class Read>
constexpr bool CHANGES = true;
template <>
constexpr bool CHANGES<AsIs> = false;

// The strides of the left matrix. The depth can consist of segments of equal length, e.g.
// the rows of a filter.
struct Left {
  const float* at;
  ptrdiff_t row, depth, segment = 0;
};

struct Right {
  const float* at;
  ptrdiff_t depth, segment = 0;
};
struct Depth {
  int length, segments = 1;
};

// Writes or adds the products of a panel to a matrix of whole vectors.
struct ToSums {
  float* at;
  ptrdiff_t row;
  bool add;
  template <int V>
  INLINE void put(int r, int v, Vec sum) const {
    float* to = at + r * row + v * LANES;
    store(to, add ? load(to) + sum : sum);
  }
};

template <int R, int V, class To>
INLINE void product_block(const Left& a, const Right& b, const Depth& depth, const To& to,
                          int first) {
  Vec sum[R][V] = {};
  for (int s = 0; s < depth.segments; s++) {
    const float *x = a.at + first * a.row + s * a.segment, *y = b.at + s * b.segment;
    for (int d = 0; d < depth.length; d++, x += a.depth, y += b.depth) {
      Vec bv[V];
      UNROLL for (int v = 0; v < V; v++) bv[v] = load(y + v * LANES);
      UNROLL for (int r = 0; r < R; r++) {
        const float xr = x[r * a.row];
        UNROLL for (int v = 0; v < V; v++) sum[r][v] += xr * bv[v];
      }
    }
  }
  UNROLL for (int r = 0; r < R; r++)
    UNROLL for (int v = 0; v < V; v++) to.template put<V>(first + r, v, sum[r][v]);
}

template <int R>
struct Height {
  static constexpr int value = R;
};

template <int R, class Body>
INLINE void with_height(int height, const Body& body) {
  if constexpr (R > 1)
    if (height < R) return with_height<R - 1>(height, body);
  body(Height<R>());
}

// Calls body(Height<R>(), first) for blocks of rows: as few as possible, of nearly equal
// height, at most LARGEST.
template <int LARGEST, class Body>
INLINE void for_blocks(int rows, const Body& body) {
  int blocks = (rows + LARGEST - 1) / LARGEST;
  for (int first = 0; blocks; blocks--) {
    const int height = (rows - first + blocks - 1) / blocks;
    with_height<LARGEST>(height, [&](auto r) INLINE_LAMBDA { body(r, first); });
    first += height;
  }
}

template <int V, class To>
void product(const Left& a, const Right& b, const Depth& depth, const To& to, int rows) {
  for_blocks<V == 1 ? ROWS_1 : ROWS_2>(rows, [&](auto r, int first) INLINE_LAMBDA {
    constexpr int R = decltype(r)::value;
    product_block<R, V>(a, b, depth, to, first);
  });
}

// Calls `product` with as many vectors as `columns` of a panel need.
template <class To>
INLINE void panel_product(const Left& a, const Right& b, const Depth& depth, const To& to,
                          int rows, int columns) {
  if (columns > LANES) product<2>(a, b, depth, to, rows);
  else product<1>(a, b, depth, to, rows);
}

}  // namespace
