// Convolutions of any size and stride as matrix products, without Winograd's transform:
// forward, gradient of the inputs, gradient of the filters.
//
// A row of outputs is one matrix product for each row of the filter. The windows of its
// pixels are `stride` pixels apart, and the kw * c inputs of a window are contiguous. If a
// window extends over the border, the inputs are copied with zeros around them.
//
// For the gradient of the inputs, pixels are divided by their index modulo the stride. For
// each remainder the gradient is a convolution with stride 1 and the taps of the filter
// that reach these pixels. So every pixel is written once.
#pragma once
#include "kernels.h"
#include "product.h"

namespace {

using resnet_tf::Direct;
using resnet_tf::Epilogue;

// A window of an image, which can extend over the border.
struct Window {
  int top, left, rows, columns;
  INLINE size_t floats(int c) const { return size_t(rows) * columns * c; }
};

// A map (h, w, c) seen through a window: its address and its strides.
struct View {
  const float* at;
  ptrdiff_t row, pixel;
};

// Copies the first c channels of pixels that are `pixel` floats apart.
template <class Read>
INLINE void copy_pixels(const float* from, ptrdiff_t pixel, int pixels, int c,
                        const Read& prologue, float* to) {
  if (!CHANGES<Read> && pixel == c) {
    memcpy(to, from, size_t(pixels) * c * sizeof(float));
    return;
  }
  for (int p = 0; p < pixels; p++)
    for_vectors(c, [&](int i, auto access) INLINE_LAMBDA {
      const auto read = prologue.at(i, access);
      const float* x = from + p * pixel + i;
      access.put(to + ptrdiff_t(p) * c + i, read(access.get(x), x));
    });
}

// Copies c channels of a window to `to`, with zeros outside the map.
template <class Read>
View copied(const float* map, int h, int w, ptrdiff_t pixel, int c, const Window& s,
            const Read& read, float* to) {
  const int low = least(most(-s.left, 0), s.columns);
  const int high = most(low, least(w - s.left, s.columns));
  const ptrdiff_t width = ptrdiff_t(s.columns) * c, before = ptrdiff_t(low) * c,
                  after = ptrdiff_t(high) * c;
  for (int i = 0; i < s.rows; i++) {
    float* row = to + i * width;
    const int y = s.top + i;
    if (y < 0 || y >= h) {
      memset(row, 0, width * sizeof(float));
      continue;
    }
    memset(row, 0, before * sizeof(float));
    copy_pixels(map + (ptrdiff_t(y) * w + s.left + low) * pixel, pixel, high - low, c, read,
                row + before);
    memset(row + after, 0, (width - after) * sizeof(float));
  }
  return {to, width, c};
}

// Returns a view of a window in the map, or of a copy if it extends over the border.
View view(const float* map, int h, int w, int c, const Window& s, float* scratch) {
  const bool inside = s.top >= 0 && s.left >= 0 && s.top + s.rows <= h && s.left + s.columns <= w;
  if (!inside) return copied(map, h, w, c, c, s, AsIs(), scratch);
  return {map + (ptrdiff_t(s.top) * w + s.left) * c, ptrdiff_t(w) * c, c};
}

// Writes the products of a panel as outputs: adds a bias, applies ReLU and skips the lanes
// after the last channel.
template <class Access>
struct ToOutputs {
  float* at;
  ptrdiff_t row;
  const float* bias;
  bool cut;
  Access last;
  template <int V>
  INLINE void put(int r, int v, Vec sum) const {
    float* to = at + r * row + v * LANES;
    if (v < V - 1) {
      if (bias) sum += load(bias + v * LANES);
      store(to, cut ? relu(sum) : sum);
    } else {
      if (bias) sum += last.get(bias + v * LANES);
      last.put(to, cut ? relu(sum) : sum);
    }
  }
};

// The place of rows x columns outputs.
struct Target {
  float* at;
  ptrdiff_t row, pixel;
  int rows, columns;
};

// Convolves a view with packed filters of `taps` rows, `depth` numbers each, to k
// channels. Windows are `stride` pixels of the view apart.
void convolve(const View& from, int stride, int taps, int depth, const float* u, int k,
              const Target& to, const Epilogue& epilogue) {
  const int nr = panel_width(k);
  for (int k0 = 0; k0 < k; k0 += nr, u += ptrdiff_t(taps) * depth * nr) {
    const Right b = {u, nr, ptrdiff_t(depth) * nr};
    const float* bias = epilogue.bias ? epilogue.bias + k0 : nullptr;
    const int used = least(nr, k - k0), odd = used % LANES;
    for (int i = 0; i < to.rows; i++) {
      const Left a = {from.at + i * stride * from.row, stride * from.pixel, 1, from.row};
      float* at = to.at + i * to.row + k0;
      if (odd)
        panel_product(a, b, Depth{depth, taps},
                      ToOutputs<Part>{at, to.pixel, bias, epilogue.relu, Part(odd)},
                      to.columns, used);
      else
        panel_product(a, b, Depth{depth, taps},
                      ToOutputs<Whole>{at, to.pixel, bias, epilogue.relu, {}}, to.columns,
                      used);
    }
  }
}

// Parts of images: strips of as many rows as fit into the L2 cache.
struct Strips {
  int rows, per_image;
  INLINE Strips(int height, ptrdiff_t floats_a_row, ptrdiff_t budget)
      : rows(int(most<ptrdiff_t>(1, least<ptrdiff_t>(height, budget / floats_a_row)))),
        per_image((height + rows - 1) / rows) {
    rows = (height + per_image - 1) / per_image;  // strips of nearly equal height
  }
  INLINE int first(int64_t part) const { return int(part % per_image) * rows; }
};

constexpr ptrdiff_t STRIP = 1 << 15;  // floats

INLINE Strips forward_strips(const Direct& s) {
  return {s.oh, ptrdiff_t(s.stride) * s.w * s.c, STRIP};
}

// Returns the window of the inputs of `count` rows of outputs from `first` on.
INLINE Window input_window(const Direct& s, int first, int count) {
  return {first * s.stride - s.top, -s.left, (count - 1) * s.stride + s.kh,
          (s.ow - 1) * s.stride + s.kw};
}

size_t direct_filter_floats(const Direct& s, bool gradient) {
  const int from = gradient ? s.k : s.c, to = gradient ? s.c : s.k;
  return size_t(s.kh) * s.kw * from * panel_count(to) * panel_width(to);
}

int64_t direct_forward_parts(const Direct& s) { return s.n * forward_strips(s).per_image; }
size_t direct_forward_scratch(const Direct& s) {
  return input_window(s, 0, forward_strips(s).rows).floats(s.c);
}

void direct_forward(const Direct& s, const float* x, const float* u, float* y,
                    const Epilogue& epilogue, int64_t part, float* scratch) {
  const Strips strips = forward_strips(s);
  const int64_t image = part / strips.per_image;
  const int first = strips.first(part), count = least(strips.rows, s.oh - first);
  if (count <= 0) return;
  const View from = view(x + image * s.h * s.w * s.c, s.h, s.w, s.c,
                         input_window(s, first, count), scratch);
  const ptrdiff_t row = ptrdiff_t(s.ow) * s.k;
  convolve(from, s.stride, s.kh, s.kw * s.c, u, s.k,
           {y + (image * s.oh + first) * row, row, s.k, count, s.ow}, epilogue);
}

// The pixels with one remainder modulo the stride, in one dimension. `taps` taps of the
// filter reach them: `first`, `first` + stride, ..., in reverse order. They belong to the
// outputs from number (pixel / stride) + `shift` on.
struct Remainder {
  int taps, first, shift;
  INLINE Remainder(int size, int pad, int stride, int remainder)
      : first((remainder + pad) % stride) {
    taps = first < size ? (size - first + stride - 1) / stride : 0;
    shift = (remainder + pad) / stride - taps + 1;
  }
};

// Packs the filters of one panel for `direct_forward`.
void pack_forward(const Direct& s, const float* w, float* u, int panel) {
  const int nr = panel_width(s.k), depth = s.kh * s.kw * s.c;
  const int used = least(nr, s.k - panel * nr);
  u += ptrdiff_t(panel) * depth * nr;
  w += ptrdiff_t(panel) * nr;
  for (int d = 0; d < depth; d++)
    for (int j = 0; j < nr; j++) u[ptrdiff_t(d) * nr + j] = j < used ? w[ptrdiff_t(d) * s.k + j] : 0;
}

// Packs the filters of one panel for the gradient of the inputs, by remainder.
void pack_gradient(const Direct& s, const float* w, float* u, int panel) {
  const int nr = panel_width(s.c), used = least(nr, s.c - panel * nr);
  for (int py = 0; py < s.stride; py++)
    for (int px = 0; px < s.stride; px++) {
      const Remainder y(s.kh, s.top, s.stride, py), x(s.kw, s.left, s.stride, px);
      const ptrdiff_t floats = ptrdiff_t(y.taps) * x.taps * s.k * nr;
      float* to = u + panel * floats;
      u += floats * panel_count(s.c);
      for (int i = y.taps - 1; i >= 0; i--)
        for (int j = x.taps - 1; j >= 0; j--) {
          const int r = y.first + i * s.stride, q = x.first + j * s.stride;
          const float* from = w + (ptrdiff_t(r * s.kw + q) * s.c + panel * nr) * s.k;
          for (int k = 0; k < s.k; k++, to += nr)
            for (int c = 0; c < nr; c++) to[c] = c < used ? from[ptrdiff_t(c) * s.k + k] : 0;
        }
    }
}

void direct_pack(const Direct& s, const float* w, bool gradient, float* u, int panel) {
  (gradient ? pack_gradient : pack_forward)(s, w, u, panel);
}
int direct_panels(const Direct& s, bool gradient) { return panel_count(gradient ? s.c : s.k); }

// The plan of the gradient of the inputs. A part consists of the rows of inputs that depend
// on a strip of rows of the gradient of the outputs.
struct InputGradient {
  const Direct& s;
  int height, width;  // numbers of rows and columns with remainder 0
  Strips strips;
  int low_y = 0, low_x = 0, high_y = 0, high_x = 0;  // range of outputs of a pixel
  explicit INLINE InputGradient(const Direct& shape)
      : s(shape), height((s.h + s.stride - 1) / s.stride),
        width((s.w + s.stride - 1) / s.stride),
        strips(height, ptrdiff_t(width) * most(s.k, s.stride * s.stride * s.c / 2), STRIP) {
    for (int p = 0; p < s.stride; p++) {
      const Remainder y(s.kh, s.top, s.stride, p), x(s.kw, s.left, s.stride, p);
      low_y = p ? least(low_y, y.shift) : y.shift;
      low_x = p ? least(low_x, x.shift) : x.shift;
      high_y = p ? most(high_y, y.shift + y.taps) : y.shift + y.taps;
      high_x = p ? most(high_x, x.shift + x.taps) : x.shift + x.taps;
    }
  }
  INLINE Window window(int first, int count) const {
    return {first + low_y, low_x, count - 1 + high_y - low_y, width - 1 + high_x - low_x};
  }
};

int64_t direct_input_gradient_parts(const Direct& s) {
  return s.n * InputGradient(s).strips.per_image;
}
size_t direct_input_gradient_scratch(const Direct& s) {
  const InputGradient plan(s);
  return plan.window(0, plan.strips.rows).floats(s.k);
}

void direct_input_gradient(const Direct& s, const float* dy, const float* u, float* dx,
                           int64_t part, float* scratch) {
  const InputGradient plan(s);
  const int64_t image = part / plan.strips.per_image;
  const int first = plan.strips.first(part);
  const int count = least(plan.strips.rows, plan.height - first);
  if (count <= 0) return;
  const View from = view(dy + image * s.oh * s.ow * s.k, s.oh, s.ow, s.k,
                         plan.window(first, count), scratch);
  for (int py = 0; py < s.stride; py++)
    for (int px = 0; px < s.stride; px++) {
      const Remainder y(s.kh, s.top, s.stride, py), x(s.kw, s.left, s.stride, px);
      const int top = first * s.stride + py;
      const Target to = {
          dx + ((image * s.h + top) * s.w + px) * s.c, ptrdiff_t(s.stride) * s.w * s.c,
          ptrdiff_t(s.stride) * s.c, least(count, (s.h - top + s.stride - 1) / s.stride),
          (s.w - px + s.stride - 1) / s.stride};
      if (!y.taps || !x.taps) {
        for (int i = 0; i < to.rows; i++)
          for (int j = 0; j < to.columns; j++)
            memset(to.at + i * to.row + j * to.pixel, 0, s.c * sizeof(float));
        continue;
      }
      const View at = {from.at + (y.shift - plan.low_y) * from.row +
                           (x.shift - plan.low_x) * from.pixel,
                       from.row, from.pixel};
      convolve(at, 1, y.taps, x.taps * s.k, u, s.c, to, {nullptr, false});
      u += ptrdiff_t(y.taps) * x.taps * s.k * panel_count(s.c) * panel_width(s.c);
    }
}

// The plan of the gradient of the filters: the product of transposed x and dy over the
// pixels of all images. A step is a strip of about PIXELS pixels.
struct FilterGradientPlan {
  static constexpr int PIXELS = 64, CHANNELS = 96;
  const Direct& s;
  Strips strips;
  int nr, panels, rows;  // rows: numbers in a row of the filter
  explicit INLINE FilterGradientPlan(const Direct& shape)
      : s(shape), strips(s.oh, s.ow, PIXELS), nr(panel_width(s.k)), panels(panel_count(s.k)),
        rows(s.kw * s.c) {}
  INLINE int64_t steps() const { return s.n * strips.per_image; }
  // The number of parts is a power of two up to 16 (threads). Each has at least 4 steps,
  // and all partial sums together take at most 32 MiB.
  INLINE int64_t parts() const {
    const int64_t floats = int64_t(s.kh) * rows * s.k;
    int64_t parts = 1;
    while (parts < 16 && 4 * parts <= steps() && 2 * parts * floats <= 1 << 23) parts *= 2;
    return parts;
  }
  INLINE bool copies() const { return rows >= CHANNELS && panels > 1; }
  INLINE size_t window() const { return input_window(s, 0, strips.rows).floats(s.c); }
  INLINE size_t columns() const { return size_t(panels) * nr * strips.rows * s.ow; }
  INLINE size_t sums() const { return size_t(s.kh) * rows * panels * nr; }
};

int64_t direct_filter_gradient_parts(const Direct& s) { return FilterGradientPlan(s).parts(); }
size_t direct_filter_gradient_scratch(const Direct& s) {
  const FilterGradientPlan plan(s);
  return plan.columns() + plan.sums() + plan.window();
}

// Packs `pixels` rows of k numbers into panels.
void pack_columns(const float* from, int pixels, int k, float* to) {
  const int nr = panel_width(k), whole = k / nr * nr;
  const ptrdiff_t panel = ptrdiff_t(pixels) * nr;
  for (int p = 0; p < pixels; p++, from += k, to += nr) {
    float* at = to;
    for (int i = 0; i < whole; i += nr, at += panel)
      for (int j = 0; j < nr; j += LANES) store(at + j, load(from + i + j));
    if (whole == k) continue;
    if (k - whole <= LANES) store(at + nr - LANES, Vec{});
    for_vectors(k - whole, [&](int j, auto access) INLINE_LAMBDA {
      store(at + j, access.get(from + whole + j));
    });
  }
}

// Writes the sum of a part to dw, which has the shape of the filters.
void direct_filter_gradient(const Direct& s, const float* x, const float* dy, float* dw,
                            int64_t part, float* scratch) {
  const FilterGradientPlan plan(s);
  const int nr = plan.nr, rows = plan.rows;
  float* columns = scratch;
  float* sums = columns + plan.columns();
  float* window = sums + plan.sums();
  const int64_t steps = plan.steps(), parts = plan.parts();
  memset(sums, 0, plan.sums() * sizeof(float));
  for (int64_t step = steps * part / parts; step < steps * (part + 1) / parts; step++) {
    const int64_t image = step / plan.strips.per_image;
    const int first = plan.strips.first(step), count = least(plan.strips.rows, s.oh - first);
    if (count <= 0) continue;
    const float* map = x + image * s.h * s.w * s.c;
    const Window reach = input_window(s, first, count);
    // If many passes read x, the first one reads it sequentially.
    const View from = plan.copies() ? copied(map, s.h, s.w, s.c, s.c, reach, AsIs(), window)
                                    : view(map, s.h, s.w, s.c, reach, window);
    const int pixels = count * s.ow;
    pack_columns(dy + (image * s.oh + first) * s.ow * s.k, pixels, s.k, columns);
    for (int r = 0; r < s.kh; r++)
      for (int i = 0; i < rows; i += plan.CHANNELS)
        for (int p = 0; p < plan.panels; p++)
          panel_product(
              Left{from.at + r * from.row + i, 1, s.stride * from.pixel, s.stride * from.row},
              Right{columns + ptrdiff_t(p) * pixels * nr, nr, ptrdiff_t(s.ow) * nr},
              Depth{s.ow, count},
              ToSums{sums + (ptrdiff_t(r * plan.panels + p) * rows + i) * nr, nr, true},
              least(plan.CHANNELS, rows - i), s.k - p * nr);
  }
  for (int r = 0; r < s.kh; r++)
    for (int p = 0; p < plan.panels; p++)
      for (int i = 0; i < rows; i++)
        memcpy(dw + ptrdiff_t(r * rows + i) * s.k + p * nr,
               sums + (ptrdiff_t(r * plan.panels + p) * rows + i) * nr,
               least(nr, s.k - p * nr) * sizeof(float));
}

}  // namespace
