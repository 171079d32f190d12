// Batch norm as TensorFlow operations; kernels.py documents them.
#include <cmath>

#include "parts.h"

namespace resnet_tf {
namespace {

class BatchNorm {
 public:
  static constexpr const char* NAME = "ResnetTfBatchNorm";
  static constexpr const char* ATTRS[] = {"n: int >= 0", "relu: bool = false",
                                          "epsilon: float", "momentum: float"};
  static constexpr const char* INPUTS[] = {
      "x: float",        "gamma: float",           "beta: float",
      "moving_mean: float", "moving_variance: float", "residual: n * float"};
  static constexpr const char* OUTPUTS[] = {"y: float", "new_mean: float",
                                            "new_variance: float", "mean: float",
                                            "deviation: float"};

  explicit BatchNorm(const Attributes& attributes)
      : relu_(attributes.boolean("relu")), epsilon_(attributes.number("epsilon")),
        momentum_(attributes.number("momentum")) {}

  void compute(const Call& call) const {
    const Tensor x = call.input(0), gamma = call.input(1), beta = call.input(2);
    const Tensor old_mean = call.input(3), old_variance = call.input(4);
    const Tensor residual = call.optional(5);
    const Dims size = map_dims(x);
    const int c = int(size[3]);
    for (const Tensor* vector : {&gamma, &beta, &old_mean, &old_variance})
      need(vector->dims() == Dims{c}, "parameters must have a number for each channel");
    if (residual) need(residual.dims() == size, "residual must have the shape of x");
    need(size[0] > 0, "x must have an image");
    const Tensor y = call.output(0, size), new_mean = call.output(1, {c});
    const Tensor new_variance = call.output(2, {c}), mean = call.output(3, {c});
    const Tensor deviation = call.output(4, {c});
    const int64_t pixels = size[0] * size[1] * size[2];
    const Rows rows(pixels, c);
    const float *from = x.data(), *add = residual.data();
    float* to = y.data();
    const std::vector<double> sums = summed(rows.parts, 2 * c, 0, [&](int64_t part, double* own, float*) {
      kernels().moments(from + rows.first(part) * c, rows.size(part), c, from, own);
    });
    std::vector<float> scale(c);
    for (int i = 0; i < c; i++) {
      const double shift = sums[i] / double(pixels);
      const double variance =
          std::max(0.0, sums[c + i] / double(pixels) - shift * shift);
      const double unbiased =
          pixels > 1 ? variance * double(pixels) / double(pixels - 1) : variance;
      const double m = double(from[i]) + shift, d = std::sqrt(variance + epsilon_);
      mean.data()[i] = float(m);
      deviation.data()[i] = float(d);
      scale[i] = float(gamma.data()[i] / d);
      new_mean.data()[i] = moved(old_mean.data()[i], m);
      new_variance.data()[i] = moved(old_variance.data()[i], unbiased);
    }
    const BatchNormForward p = {mean.data(), scale.data(), beta.data(), relu_};
    parallel(rows.parts, 0, [&](int64_t part, float*) {
      const int64_t at = rows.first(part) * c;
      kernels().normalize(from + at, add ? add + at : nullptr, rows.size(part), c, p, to + at);
    });
  }

 private:
  float moved(float old, double batch) const {
    return float(double(momentum_) * old + (1 - double(momentum_)) * batch);
  }

  const bool relu_;
  const float epsilon_, momentum_;
};

class BatchNormGradient {
 public:
  static constexpr const char* NAME = "ResnetTfBatchNormGradient";
  static constexpr const char* ATTRS[] = {"n: int >= 0", "relu: bool = false"};
  static constexpr const char* INPUTS[] = {"dy: float",    "x: float",
                                           "gamma: float", "beta: float",
                                           "mean: float",  "deviation: float",
                                           "y: n * float"};
  static constexpr const char* OUTPUTS[] = {"dx: float", "dgamma: float", "dbeta: float",
                                            "dresidual: n * float"};

  explicit BatchNormGradient(const Attributes& attributes)
      : relu_(attributes.boolean("relu")) {}

  void compute(const Call& call) const {
    const Tensor dy = call.input(0), x = call.input(1), gamma = call.input(2);
    const Tensor beta = call.input(3), mean = call.input(4), deviation = call.input(5);
    const Tensor y = call.optional(6);
    const bool masked = bool(y);  // by the sign of y, with a residual
    const Dims size = map_dims(x);
    const int c = int(size[3]);
    need(dy.dims() == size, "dy must have the shape of x");
    if (masked) need(y.dims() == size && relu_, "y must have the shape of x, with ReLU");
    for (const Tensor* vector : {&gamma, &beta, &mean, &deviation})
      need(vector->dims() == Dims{c}, "parameters must have a number for each channel");
    need(size[0] > 0, "x must have an image");
    const Tensor dx = call.output(0, size), dgamma = call.output(1, {c});
    const Tensor dbeta = call.output(2, {c});
    const Tensor dz = masked ? call.output(3, size) : Tensor();
    const int64_t pixels = size[0] * size[1] * size[2];
    const Rows rows(pixels, c);
    std::vector<float> scale(c), a(c), b(c), d(c);
    for (int i = 0; i < c; i++)
      scale[i] = float(double(gamma.data()[i]) / deviation.data()[i]);
    const float *xs = x.data(), *dys = dy.data(), *ys = y.data();
    float *dzs = dz.data(), *to = dx.data();
    BatchNormBackward p = {mean.data(), scale.data(), beta.data(), relu_};
    const std::vector<double> sums = summed(rows.parts, 2 * c, 0, [&](int64_t part, double* own, float*) {
      const int64_t at = rows.first(part) * c;
      kernels().gradient_sums(xs + at, dys + at, ys ? ys + at : nullptr, rows.size(part), c,
                              p, dzs ? dzs + at : nullptr, own);
    });
    for (int i = 0; i < c; i++) {
      const double inverse = 1 / double(deviation.data()[i]);
      dbeta.data()[i] = float(sums[i]);
      dgamma.data()[i] = float(sums[c + i] * inverse);
      a[i] = scale[i];
      b[i] = float(-scale[i] * inverse * inverse * sums[c + i] / double(pixels));
      d[i] = float(-scale[i] * sums[i] / double(pixels));
    }
    if (masked) p.relu = false;  // dz is dy with zeros already
    const float* gradient = masked ? dzs : dys;
    parallel(rows.parts, 0, [&](int64_t part, float*) {
      const int64_t at = rows.first(part) * c;
      kernels().gradient_apply(xs + at, gradient + at, rows.size(part), c, p, a.data(),
                               b.data(), d.data(), to + at);
    });
  }

 private:
  const bool relu_;
};

// The gradient of a bias: the sum of a map over all pixels.
class BiasGradient {
 public:
  static constexpr const char* NAME = "ResnetTfBiasGradient";
  static constexpr const char* ATTRS[] = {"n: int = 0"};
  static constexpr const char* INPUTS[] = {"dy: float"};
  static constexpr const char* OUTPUTS[] = {"dbias: float"};

  explicit BiasGradient(const Attributes&) {}

  void compute(const Call& call) const {
    const Tensor dy = call.input(0);
    const Dims size = map_dims(dy);
    const int c = int(size[3]);
    const Tensor dbias = call.output(0, {c});
    const Rows rows(size[0] * size[1] * size[2], c);
    const std::vector<float> zeros(c);
    const float* from = dy.data();
    const std::vector<double> sums = summed(rows.parts, 2 * c, 0, [&](int64_t part, double* own, float*) {
      kernels().moments(from + rows.first(part) * c, rows.size(part), c, zeros.data(), own);
    });
    for (int i = 0; i < c; i++) dbias.data()[i] = float(sums[i]);
  }
};

}  // namespace

void register_batch_norm() {
  register_op<BatchNorm>();
  register_op<BatchNormGradient>();
  register_op<BiasGradient>();
}

}  // namespace resnet_tf
