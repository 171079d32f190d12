// Batch norms that are applied as a map is read, and their deferred gradients; see unit.h.
#pragma once
#include <cmath>

#include "parts.h"

namespace resnet_tf {

// Mean and variance of each channel of a map or of a block's buffer.
struct Moments {
  float *mean, *variance;
  Moments from(int c) const { return {mean + c, variance + c}; }
  // Sets the moments from `sums` [2][c] of x - origin and of its square; null means 0.
  void set(const std::vector<double>& sums, const float* origin, int64_t pixels) const {
    const size_t c = sums.size() / 2;
    for (size_t i = 0; i < c; i++) {
      const double shift = sums[i] / double(pixels);
      mean[i] = float(shift + (origin ? double(origin[i]) : 0.0));
      variance[i] = float(std::max(0.0, sums[c + i] / double(pixels) - shift * shift));
    }
  }
};

// Writes the moments of a map with `pixels` pixels. If `given`, they are the inputs `at`
// and `at` + 1 of the call; otherwise they are computed.
inline void find_moments(const Call& call, bool given, int at, const float* x, int64_t pixels,
                         int c, const Moments& moments) {
  if (given) {
    const Tensor mean = call.input(at), variance = call.input(at + 1);
    need(mean.dims() == Dims{c} && variance.dims() == Dims{c},
         "moments must have a number for each channel");
    std::copy_n(mean.data(), c, moments.mean);
    std::copy_n(variance.data(), c, moments.variance);
    return;
  }
  const Rows rows(pixels, c);
  moments.set(summed(rows.parts, 2 * c, 0,
                     [&](int64_t part, double* sums, float*) {
                       kernels().moments(x + rows.first(part) * c, rows.size(part), c, x, sums);
                     }),
              x, pixels);
}

// Updates the moving averages, inputs `at` and `at` + 1 of the call, with the moments.
inline void move(const Call& call, int at, double stays, const Moments& moments,
                 int64_t pixels, int c, const Moments& to) {
  const Tensor mean = call.input(at), variance = call.input(at + 1);
  need(mean.dims() == Dims{c} && variance.dims() == Dims{c},
       "moving averages must have a number for each channel");
  const double n = double(pixels), unbiased = n / std::max(n - 1, 1.0);
  for (int i = 0; i < c; i++) {
    to.mean[i] = float(stays * mean.data()[i] + (1 - stays) * double(moments.mean[i]));
    to.variance[i] = float(stays * variance.data()[i] +
                           (1 - stays) * unbiased * double(moments.variance[i]));
  }
}

// Batch norm of a map.
struct Norm {
  const float *mean, *offset;
  std::vector<double> inverse;  // 1 / standard deviation
  std::vector<float> scale;
  Norm(const Moments& moments, const float* gamma, const float* beta, int c, double epsilon)
      : mean(moments.mean), offset(beta), inverse(c), scale(c) {
    for (int i = 0; i < c; i++) {
      inverse[i] = 1 / std::sqrt(double(moments.variance[i]) + epsilon);
      scale[i] = float(double(gamma[i]) * inverse[i]);
    }
  }
  Normalization get() const { return {mean, scale.data(), offset}; }
};

// The coefficients of the missing terms of each channel's gradient; see unit.h.
struct Missing {
  std::vector<double> slope, constant;
  explicit Missing(int c) : slope(c), constant(c) {}

  // Adds the coefficients from the sums [2][c] of a unit that read channels from `first`
  // on. Writes the gradients of the parameters of its batch norm.
  void add(const Norm& norm, const std::vector<double>& sums, int64_t pixels, int first,
           float* dgamma, float* dbeta) {
    const size_t c = sums.size() / 2;
    for (size_t i = 0; i < c; i++) {
      const double scale = double(norm.scale[i]), inverse = norm.inverse[i];
      dbeta[i] = float(sums[i]);
      dgamma[i] = float(sums[c + i] * inverse);
      constant[first + i] -= scale * sums[i] / double(pixels);
      slope[first + i] -= scale * inverse * inverse * sums[c + i] / double(pixels);
    }
  }
  // Returns `slope` and `constant` of c channels as floats.
  std::vector<float> rest(int first, int c) const {
    std::vector<float> values(2 * size_t(c));
    for (int i = 0; i < c; i++) {
      values[i] = float(slope[first + i]);
      values[c + i] = float(constant[first + i]);
    }
    return values;
  }
};

// Adds the missing terms to the gradient of c channels; `missing` has them from `first` on.
inline void complete(const Rows& rows, int c, const float* g, ptrdiff_t step, const float* x,
                     const Moments& moments, const Missing& missing, int first, float* to,
                     ptrdiff_t to_step) {
  const std::vector<float> rest = missing.rest(first, c);
  const Rest terms = {moments.mean, rest.data(), rest.data() + c};
  parallel(rows.parts, 0, [&](int64_t part, float*) {
    const int64_t at = rows.first(part);
    kernels().complete(rows.size(part), c, g + at * step, step, x + at * step, step, terms,
                       to + at * to_step, to_step);
  });
}

}  // namespace resnet_tf
