// Winograd's convolutions as TensorFlow operations. operations.py documents them.
#include <cstring>

#include "parts.h"

namespace resnet_tf {
namespace {

Convolution convolution(const Dims& x, int64_t k, int64_t size) {
  return {x[0], int(x[1]), int(x[2]), int(x[3]), int(k), int(size)};
}

class Conv {
 public:
  static constexpr const char* NAME = "ResnetTfConv";
  static constexpr const char* ATTRS[] = {"n: int >= 0", "flip: bool = false",
                                          "relu: bool = false"};
  static constexpr const char* INPUTS[] = {"x: float", "kernel: float", "bias: n * float"};
  static constexpr const char* OUTPUTS[] = {"y: float"};

  explicit Conv(const Attributes& attributes)
      : flip_(attributes.boolean("flip")), relu_(attributes.boolean("relu")) {}

  void compute(const Call& call) const {
    const Tensor x = call.input(0), w = call.input(1);
    const Tensor bias = call.optional(2);
    const Dims size = map_dims(x);
    const Dims filter = map_dims(w);
    need(filter[0] == filter[1] && (filter[0] == 3 || filter[0] == 5),
         "kernel must be (3, 3, C, filters) or (5, 5, C, filters)");
    need(filter[flip_ ? 3 : 2] == size[3], "kernel must have as many channels as x");
    const int64_t k = filter[flip_ ? 2 : 3];
    if (bias) need(bias.dims() == Dims{k}, "bias must have a number for each filter");
    const Tensor y = call.output(0, {size[0], size[1], size[2], k});
    if (!size[0]) return;
    const Convolution s = convolution(size, k, filter[0]);
    const Tensor filters = transformed(call, s, w.data(), flip_);
    const float *from = x.data(), *u = filters.data();
    float* to = y.data();
    const Epilogue epilogue = {bias.data(), relu_};
    parallel(kernels().forward_parts(s), kernels().forward_scratch(s),
             [&](int64_t part, float* scratch) {
               kernels().forward(s, from, u, to, epilogue, part, scratch);
             });
  }

 private:
  const bool flip_, relu_;
};

class FilterGradient {
 public:
  static constexpr const char* NAME = "ResnetTfConvFilterGradient";
  static constexpr const char* ATTRS[] = {"size: int = 3"};
  static constexpr const char* INPUTS[] = {"x: float", "dy: float"};
  static constexpr const char* OUTPUTS[] = {"dw: float"};

  explicit FilterGradient(const Attributes& attributes) : size_(attributes.integer("size")) {}

  void compute(const Call& call) const {
    const Tensor x = call.input(0), dy = call.input(1);
    const Dims size = map_dims(x);
    const Dims out = map_dims(dy);
    need(out[0] == size[0] && out[1] == size[1] && out[2] == size[2],
         "dy must have as many images, rows and columns as x");
    need(size_ == 3 || size_ == 5, "size must be 3 or 5");
    const Convolution s = convolution(size, out[3], size_);
    const int64_t floats = int64_t(size_) * size_ * s.c * s.k;
    const Tensor result = call.output(0, {size_, size_, s.c, s.k});
    float* to = result.data();
    if (!size[0]) {
      std::memset(to, 0, floats * sizeof(float));
      return;
    }
    const int64_t parts = kernels().filter_gradient_parts(s);
    const Tensor sums = call.temporary(floats * parts);
    const float *xs = x.data(), *dys = dy.data();
    float* each = sums.data();
    parallel(parts, kernels().filter_gradient_scratch(s), [&](int64_t part, float* scratch) {
      kernels().filter_gradient(s, xs, dys, each + part * floats, part, scratch);
    });
    add_parts(each, parts, floats, to);
  }

 private:
  const int size_;
};

}  // namespace

void register_convolutions() {
  register_op<Conv>();
  register_op<FilterGradient>();
}

}  // namespace resnet_tf
