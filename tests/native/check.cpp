// Runs every kernel on small maps of odd sizes, with exact buffers and several callers at
// a time, for the sanitizers. sanitize.sh builds it. Python tests check the values.
#include <cmath>
#include <cstdio>
#include <memory>
#include <thread>
#include <vector>

#include "kernels.h"
#include "pool.h"

namespace resnet_tf {
extern const Kernels KERNELS;
}
using namespace resnet_tf;

namespace {

// Returns a buffer of exactly `count` floats, so that any access beyond it is an error.
std::unique_ptr<float[]> filled(size_t count, float step) {
  std::unique_ptr<float[]> floats(new float[count]);
  for (size_t i = 0; i < count; i++) floats[i] = std::sin(step * float(i));
  return floats;
}

bool finite(const float* floats, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (!std::isfinite(floats[i])) return false;
  return true;
}

bool convolves(const Convolution& s) {
  const size_t in = size_t(s.n) * s.h * s.w * s.c, out = size_t(s.n) * s.h * s.w * s.k;
  const size_t weights = size_t(s.size) * s.size * s.c * s.k;
  const auto x = filled(in, 0.1f), dy = filled(out, 0.2f), w = filled(weights, 0.3f);
  const auto bias = filled(s.k, 0.4f), y = filled(out, 0), u = filled(KERNELS.filter_floats(s), 0);
  for (const bool flip : {false, true})
    KERNELS.transform_filters(s, w.get(), flip, u.get(), 0, s.c);
  parallel(KERNELS.forward_parts(s), KERNELS.forward_scratch(s), [&](int64_t part, float* scratch) {
    KERNELS.forward(s, x.get(), u.get(), y.get(), {bias.get(), true}, part, scratch);
  });
  const int64_t parts = KERNELS.filter_gradient_parts(s);
  const auto dw = filled(size_t(parts) * weights, 0);
  parallel(parts, KERNELS.filter_gradient_scratch(s), [&](int64_t part, float* scratch) {
    KERNELS.filter_gradient(s, x.get(), dy.get(), dw.get() + part * weights, part, scratch);
  });
  return finite(y.get(), out) && finite(dw.get(), size_t(parts) * weights);
}

// Runs both kinds of units, on maps with more channels than the units read.
bool joins(const Convolution& s) {
  const Unit unit = {s.n, s.h, s.w, s.c, s.k, s.c + 3, s.k + 2};
  const int64_t pixels = s.n * s.h * s.w;
  const size_t in = size_t(pixels - 1) * unit.in + s.c, out = size_t(pixels - 1) * unit.out + s.k;
  const size_t compact = size_t(pixels) * s.k, weights = size_t(9) * s.c * s.k;
  const auto x = filled(in, 0.1f), g = filled(in, 0.3f), y = filled(out, 0.5f);
  const auto dy = filled(compact, 0.2f), w = filled(weights, 0.3f);
  const auto mean = filled(s.c, 0.1f), scale = filled(s.c, 0.2f), offset = filled(s.c, 0.3f);
  const auto slope = filled(s.k, 0.1f), rest = filled(s.k, 0.2f);
  const Normalization norm = {mean.get(), scale.get(), offset.get()};
  const Rest completing = {slope.get(), rest.get(), slope.get()};
  const Convolution back = {s.n, s.h, s.w, s.k, s.c};
  const auto u = filled(KERNELS.filter_floats(s), 0), v = filled(KERNELS.filter_floats(back), 0);
  KERNELS.transform_filters(s, w.get(), false, u.get(), 0, s.c);
  KERNELS.transform_filters(back, w.get(), true, v.get(), 0, s.k);
  const int64_t groups = KERNELS.forward_parts(s), ranges = KERNELS.filter_gradient_parts(s);
  std::vector<double> sums(size_t(groups) * 2 * s.k), sums_back(size_t(ranges) * 2 * s.c);
  const auto residual = filled(out, 0.7f);
  const float* const added[] = {nullptr, residual.get()};
  for (const float* add : added)
    parallel(groups, KERNELS.unit3_scratch(unit), [&](int64_t part, float* scratch) {
      KERNELS.unit3_forward(unit, norm, x.get(), u.get(), add, y.get(), &sums[part * 2 * s.k],
                            part, scratch);
    });
  const auto dw = filled(size_t(ranges) * weights, 0);
  const auto written = filled(compact, 0.5f), whole = filled(compact, 0);
  const Upstream upstreams[] = {{dy.get(), nullptr, {}, nullptr},
                                {dy.get(), written.get(), completing, nullptr},
                                {dy.get(), written.get(), completing, whole.get()}};
  for (const Upstream& upstream : upstreams)
    for (const float* add : {static_cast<const float*>(g.get()), static_cast<const float*>(nullptr)})
      parallel(ranges, KERNELS.unit3_backward_scratch(unit), [&](int64_t part, float* scratch) {
        KERNELS.unit3_backward(unit, norm, x.get(), upstream, v.get(), add, g.get(),
                               &sums_back[part * 2 * s.c], dw.get() + part * weights, part,
                               scratch);
      });
  const int64_t blocks = KERNELS.unit1_parts(unit);
  const auto packed = filled(KERNELS.unit1_filter_floats(unit), 0);
  KERNELS.unit1_filters(unit, w.get(), packed.get());
  std::vector<double> each(size_t(blocks) * 2 * size_t(s.c + s.k));
  parallel(blocks, KERNELS.unit1_scratch(unit), [&](int64_t part, float* scratch) {
    KERNELS.unit1_forward(unit, norm, x.get(), packed.get(), y.get(), &each[part * 2 * s.k], part, scratch);
  });
  const size_t narrow = size_t(s.c) * s.k;
  const auto dw1 = filled(size_t(blocks) * narrow, 0), upstream = filled(out, 0.2f);
  parallel(blocks, KERNELS.unit1_backward_scratch(unit), [&](int64_t part, float* scratch) {
    KERNELS.unit1_backward(unit, norm, x.get(), y.get(), completing, upstream.get(), packed.get(),
                           g.get(), &each[part * 2 * s.c], dw1.get() + part * narrow, part, scratch);
  });
  const auto complete = filled(compact, 0);
  KERNELS.complete(pixels, s.k, y.get(), unit.out, upstream.get(), unit.out, completing,
                   complete.get(), s.k);
  return finite(y.get(), out) && finite(g.get(), in) && finite(dw.get(), size_t(ranges) * weights) &&
         finite(dw1.get(), size_t(blocks) * narrow) && finite(complete.get(), compact) &&
         finite(whole.get(), compact);
}

// Runs a convolution without Winograd's transform. A map has ceil(input / stride) outputs.
bool multiplies(const Direct& s) {
  const size_t in = size_t(s.n) * s.h * s.w * s.c, out = size_t(s.n) * s.oh * s.ow * s.k;
  const size_t weights = size_t(s.kh) * s.kw * s.c * s.k;
  const auto x = filled(in, 0.1f), dy = filled(out, 0.2f), w = filled(weights, 0.3f);
  const auto bias = filled(s.k, 0.4f), y = filled(out, 0), dx = filled(in, 0);
  const auto u = filled(KERNELS.direct_filter_floats(s, false), 0);
  const auto v = filled(KERNELS.direct_filter_floats(s, true), 0);
  for (int panel = 0; panel < KERNELS.direct_panels(s, false); panel++)
    KERNELS.direct_pack(s, w.get(), false, u.get(), panel);
  for (int panel = 0; panel < KERNELS.direct_panels(s, true); panel++)
    KERNELS.direct_pack(s, w.get(), true, v.get(), panel);
  parallel(KERNELS.direct_forward_parts(s), KERNELS.direct_forward_scratch(s), [&](int64_t part, float* scratch) {
    KERNELS.direct_forward(s, x.get(), u.get(), y.get(), {bias.get(), true}, part, scratch);
  });
  parallel(KERNELS.direct_input_gradient_parts(s), KERNELS.direct_input_gradient_scratch(s),
           [&](int64_t part, float* scratch) {
             KERNELS.direct_input_gradient(s, dy.get(), v.get(), dx.get(), part, scratch);
           });
  const int64_t parts = KERNELS.direct_filter_gradient_parts(s);
  const auto dw = filled(size_t(parts) * weights, 0);
  parallel(parts, KERNELS.direct_filter_gradient_scratch(s), [&](int64_t part, float* scratch) {
    KERNELS.direct_filter_gradient(s, x.get(), dy.get(), dw.get() + part * weights, part, scratch);
  });
  return finite(y.get(), out) && finite(dx.get(), in) && finite(dw.get(), size_t(parts) * weights);
}

bool pools(const MaxPool& s) {
  const size_t in = size_t(s.n) * s.h * s.w * s.c, out = size_t(s.n) * s.oh * s.ow * s.c;
  const auto x = filled(in, 0.1f), dy = filled(out, 0.2f), y = filled(out, 0), dx = filled(in, 0);
  parallel(s.n, 0, [&](int64_t image, float*) {
    KERNELS.max_pool(s, x.get(), y.get(), image);
    KERNELS.max_pool_gradient(s, x.get(), y.get(), dy.get(), dx.get(), image);
  });
  return finite(y.get(), out) && finite(dx.get(), in);
}

bool normalizes(int64_t pixels, int c) {
  const size_t count = size_t(pixels) * c;
  const auto x = filled(count, 0.1f), dy = filled(count, 0.2f), r = filled(count, 0.3f);
  const auto y = filled(count, 0), dz = filled(count, 0), dx = filled(count, 0);
  const auto mean = filled(c, 0.1f), scale = filled(c, 0.2f), offset = filled(c, 0.3f);
  std::vector<double> sums(2 * size_t(c));
  KERNELS.moments(x.get(), pixels, c, x.get(), sums.data());
  for (const bool relu : {false, true})
    for (const float* residual : {static_cast<const float*>(nullptr), static_cast<const float*>(r.get())}) {
      const BatchNormForward forward = {mean.get(), scale.get(), offset.get(), relu};
      const Slice slice = {c, c, c};
      KERNELS.normalize(x.get(), residual, pixels, slice, forward, y.get());
      const BatchNormBackward back = {mean.get(), scale.get(), offset.get(), relu};
      const bool masked = relu && residual;
      KERNELS.gradient_sums(x.get(), dy.get(), masked ? y.get() : nullptr, pixels, slice,
                            back, masked ? dz.get() : nullptr, sums.data());
      KERNELS.gradient_apply(x.get(), dy.get(), pixels, slice, back, mean.get(),
                             scale.get(), offset.get(), dx.get());
    }
  return finite(y.get(), count) && finite(dx.get(), count);
}

}  // namespace

int main() {
  set_threads(3);
  bool good = true;
  std::vector<std::thread> callers;
  std::vector<char> results(3, 0);
  for (int i = 0; i < 3; i++)
    callers.emplace_back([&results, i] {
      bool all = true;
      for (const Convolution& s : {Convolution{2, 7, 5, 3, 5}, Convolution{1, 1, 1, 70, 12},
                                   Convolution{3, 9, 14, 17, 33}, Convolution{9, 16, 16, 16, 16},
                                   Convolution{40, 8, 8, 20, 4}}) {
        Convolution wide = s;
        wide.size = 5;
        all = convolves(s) && convolves(wide) && joins(s) && all;
      }
      for (const Direct& s : {Direct{3, 1, 35, 17, 1, 35, 33, 1, 1, 1, 0, 0},
                              Direct{2, 5, 64, 100, 5, 64, 20, 1, 1, 1, 0, 0},
                              Direct{2, 7, 10, 13, 4, 5, 9, 3, 3, 2, 1, 1},
                              Direct{9, 16, 16, 16, 8, 8, 32, 3, 3, 2, 0, 0},
                              Direct{2, 9, 6, 5, 5, 3, 7, 1, 1, 2, 0, 0},
                              Direct{2, 4, 3, 6, 2, 2, 20, 7, 7, 2, 3, 3},
                              Direct{2, 5, 6, 3, 2, 2, 5, 2, 4, 3, 0, 0}})
        all = multiplies(s) && all;
      for (const MaxPool& s : {MaxPool{3, 7, 5, 17, 7, 5, 1}, MaxPool{2, 1, 9, 3, 1, 5, 2},
                               MaxPool{5, 8, 8, 32, 4, 4, 2}})
        all = pools(s) && all;
      for (const int c : {1, 3, 16, 17, 100}) all = normalizes(61 + c, c) && all;
      results[i] = all;
    });
  for (std::thread& caller : callers) caller.join();
  for (const char result : results) good = good && result;
  std::puts(good ? "all finite" : "a result is not finite");
  return good ? 0 : 1;
}
