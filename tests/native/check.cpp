// Runs every kernel on small maps of odd sizes, with exact buffers and several callers at
// a time, for the sanitizers; sanitize.sh builds it. The values are checked in Python.
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

// Exactly as many floats as asked for: one more is out of bounds.
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
  const size_t weights = size_t(9) * s.c * s.k;
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
      KERNELS.normalize(x.get(), residual, pixels, c, forward, y.get());
      const BatchNormBackward back = {mean.get(), scale.get(), offset.get(), relu};
      const bool masked = relu && residual;
      KERNELS.gradient_sums(x.get(), dy.get(), masked ? y.get() : nullptr, pixels, c, back,
                            masked ? dz.get() : nullptr, sums.data());
      KERNELS.gradient_apply(x.get(), dy.get(), pixels, c, back, mean.get(), scale.get(),
                             offset.get(), dx.get());
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
                                   Convolution{40, 8, 8, 20, 4}})
        all = convolves(s) && all;
      for (const int c : {1, 3, 16, 17, 100}) all = normalizes(61 + c, c) && all;
      results[i] = all;
    });
  for (std::thread& caller : callers) caller.join();
  for (const char result : results) good = good && result;
  std::puts(good ? "all finite" : "a result is not finite");
  return good ? 0 : 1;
}
