// Max pooling as TensorFlow operations. pooling.py documents them.
#include "op.h"
#include "pool.h"

namespace resnet_tf {
namespace {

MaxPool plan(const Dims& x, int stride) {
  need(stride == 1 || stride == 2, "stride must be 1 or 2");
  return {x[0],
          int(x[1]),
          int(x[2]),
          int(x[3]),
          int((x[1] + stride - 1) / stride),
          int((x[2] + stride - 1) / stride),
          stride};
}

class MaxPooling {
 public:
  static constexpr const char* NAME = "ResnetTfMaxPool";
  static constexpr const char* ATTRS[] = {"stride: int"};
  static constexpr const char* INPUTS[] = {"x: float"};
  static constexpr const char* OUTPUTS[] = {"y: float"};

  explicit MaxPooling(const Attributes& attributes) : stride_(attributes.integer("stride")) {}

  void compute(const Call& call) const {
    const Tensor x = call.input(0);
    const MaxPool s = plan(map_dims(x), stride_);
    const Tensor y = call.output(0, {s.n, s.oh, s.ow, s.c});
    const float* from = x.data();
    float* to = y.data();
    parallel(s.n, 0, [&](int64_t image, float*) { kernels().max_pool(s, from, to, image); });
  }

 private:
  const int stride_;
};

class MaxPoolGradient {
 public:
  static constexpr const char* NAME = "ResnetTfMaxPoolGradient";
  static constexpr const char* ATTRS[] = {"stride: int"};
  static constexpr const char* INPUTS[] = {"x: float", "y: float", "dy: float"};
  static constexpr const char* OUTPUTS[] = {"dx: float"};

  explicit MaxPoolGradient(const Attributes& attributes)
      : stride_(attributes.integer("stride")) {}

  void compute(const Call& call) const {
    const Tensor x = call.input(0), y = call.input(1), dy = call.input(2);
    const Dims size = map_dims(x);
    const MaxPool s = plan(size, stride_);
    const Dims out = {s.n, s.oh, s.ow, s.c};
    need(y.dims() == out && dy.dims() == out,
         "y and dy must have the images and channels of x, and ceil(size / stride) rows and "
         "columns");
    const Tensor dx = call.output(0, size);
    const float *xs = x.data(), *ys = y.data(), *dys = dy.data();
    float* to = dx.data();
    parallel(s.n, 0, [&](int64_t image, float*) {
      kernels().max_pool_gradient(s, xs, ys, dys, to, image);
    });
  }

 private:
  const int stride_;
};

}  // namespace

void register_max_pool() {
  register_op<MaxPooling>();
  register_op<MaxPoolGradient>();
}

}  // namespace resnet_tf
