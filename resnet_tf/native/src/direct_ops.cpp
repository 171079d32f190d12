// Convolutions of any size and stride as TensorFlow operations. operations.py documents
// them.
#include <cstring>

#include "op.h"
#include "pool.h"

namespace resnet_tf {
namespace {

constexpr int LARGEST = 16;  // side of a filter, and stride

// Stride and padding. A map has ceil(input / stride) outputs, as with TensorFlow's "same".
struct Geometry {
  int stride;
  bool centered;  // size / 2 zeros before the map, as PyTorch; otherwise as TensorFlow

  explicit Geometry(const Attributes& attributes)
      : stride(attributes.integer("stride")), centered(attributes.boolean("centered")) {}

  int outputs(int64_t size) const { return int((size + stride - 1) / stride); }
  int before(int64_t size, int filter) const {
    if (centered) return filter / 2;
    return std::max(0, (outputs(size) - 1) * stride + filter - int(size)) / 2;
  }

  // Returns the plan for x (N, H, W, C) and filters (height, width, C, k).
  Direct plan(const Dims& x, int64_t height, int64_t width, int64_t k) const {
    need(stride >= 1 && stride <= LARGEST, "stride must be from 1 to 16");
    need(height >= 1 && height <= LARGEST && width >= 1 && width <= LARGEST,
         "kernel must be from 1 to 16 high and wide");
    Direct s = {x[0], int(x[1]), int(x[2]), int(x[3]), outputs(x[1]), outputs(x[2]),
                int(k), int(height), int(width), stride, 0, 0};
    s.top = before(s.h, s.kh);
    s.left = before(s.w, s.kw);
    return s;
  }
};

// Divides the pixels of a 1x1 convolution of stride 1, whose result does not depend on the
// rows, into maps of about 256 pixels with rows of about 64. So parts have a good size.
Direct in_rows(Direct s) {
  if (s.kh > 1 || s.kw > 1 || s.stride > 1) return s;
  int64_t n = s.n, w = int64_t(s.h) * s.w, h = 1;
  for (; w > 64 && w % 2 == 0; w /= 2) n *= 2;
  for (; w <= 32 && n % 2 == 0; w *= 2) n /= 2;
  for (; h * w <= 128 && n % 2 == 0; h *= 2) n /= 2;
  if (w > 1 << 20) return s;
  s.n = n;
  s.h = s.oh = int(h);
  s.w = s.ow = int(w);
  return s;
}

Tensor packed(const Call& call, const Direct& s, const float* w, bool gradient) {
  Tensor filters = call.temporary(int64_t(kernels().direct_filter_floats(s, gradient)));
  float* u = filters.data();
  parallel(kernels().direct_panels(s, gradient), 0, [&](int64_t panel, float*) {
    kernels().direct_pack(s, w, gradient, u, int(panel));
  });
  return filters;
}

class DirectConv {
 public:
  static constexpr const char* NAME = "ResnetTfDirectConv";
  static constexpr const char* ATTRS[] = {"n: int >= 0", "stride: int = 1",
                                          "centered: bool = false", "relu: bool = false"};
  static constexpr const char* INPUTS[] = {"x: float", "kernel: float", "bias: n * float"};
  static constexpr const char* OUTPUTS[] = {"y: float"};

  explicit DirectConv(const Attributes& attributes)
      : geometry_(attributes), relu_(attributes.boolean("relu")) {}

  void compute(const Call& call) const {
    const Tensor x = call.input(0), w = call.input(1);
    const Tensor bias = call.optional(2);
    const Dims size = map_dims(x), filter = map_dims(w);
    need(filter[2] == size[3], "kernel must have as many channels as x");
    if (bias) need(bias.dims() == Dims{filter[3]}, "bias must have a number for each filter");
    const Direct shape = geometry_.plan(size, filter[0], filter[1], filter[3]);
    const Tensor y = call.output(0, {shape.n, shape.oh, shape.ow, shape.k});
    if (!size[0]) return;
    const Direct s = in_rows(shape);
    const Tensor filters = packed(call, s, w.data(), false);
    const float *from = x.data(), *u = filters.data();
    float* to = y.data();
    const Epilogue epilogue = {bias.data(), relu_};
    parallel(kernels().direct_forward_parts(s), kernels().direct_forward_scratch(s),
             [&](int64_t part, float* scratch) {
               kernels().direct_forward(s, from, u, to, epilogue, part, scratch);
             });
  }

 private:
  const Geometry geometry_;
  const bool relu_;
};

// Returns the plan of a convolution of x whose outputs have a gradient dy.
Direct checked(const Geometry& geometry, const Dims& x, int64_t height, int64_t width,
               const Dims& dy) {
  const Direct s = geometry.plan(x, height, width, dy[3]);
  need(dy[0] == s.n && dy[1] == s.oh && dy[2] == s.ow,
       "dy must have the images of x, and ceil(size / stride) rows and columns");
  return s;
}

class InputGradient {
 public:
  static constexpr const char* NAME = "ResnetTfDirectConvInputGradient";
  static constexpr const char* ATTRS[] = {"stride: int = 1", "centered: bool = false"};
  static constexpr const char* INPUTS[] = {"dy: float", "kernel: float", "x: float"};
  static constexpr const char* OUTPUTS[] = {"dx: float"};

  explicit InputGradient(const Attributes& attributes) : geometry_(attributes) {}

  void compute(const Call& call) const {
    const Tensor dy = call.input(0), w = call.input(1), x = call.input(2);
    const Dims size = map_dims(x), filter = map_dims(w), out = map_dims(dy);
    need(filter[2] == size[3], "kernel must have as many channels as x");
    need(filter[3] == out[3], "kernel must have as many filters as dy");
    const Direct shape = checked(geometry_, size, filter[0], filter[1], out);
    const Tensor result = call.output(0, size);
    if (!size[0]) return;
    const Direct s = in_rows(shape);
    const Tensor filters = packed(call, s, w.data(), true);
    const float *from = dy.data(), *u = filters.data();
    float* to = result.data();
    parallel(kernels().direct_input_gradient_parts(s),
             kernels().direct_input_gradient_scratch(s), [&](int64_t part, float* scratch) {
               kernels().direct_input_gradient(s, from, u, to, part, scratch);
             });
  }

 private:
  const Geometry geometry_;
};

class DirectFilterGradient {
 public:
  static constexpr const char* NAME = "ResnetTfDirectConvFilterGradient";
  static constexpr const char* ATTRS[] = {"height: int", "width: int", "stride: int = 1",
                                          "centered: bool = false"};
  static constexpr const char* INPUTS[] = {"x: float", "dy: float"};
  static constexpr const char* OUTPUTS[] = {"dw: float"};

  explicit DirectFilterGradient(const Attributes& attributes)
      : geometry_(attributes), height_(attributes.integer("height")),
        width_(attributes.integer("width")) {}

  void compute(const Call& call) const {
    const Tensor x = call.input(0), dy = call.input(1);
    const Direct shape = checked(geometry_, map_dims(x), height_, width_, map_dims(dy));
    const int64_t floats = int64_t(height_) * width_ * shape.c * shape.k;
    const Tensor result = call.output(0, {height_, width_, shape.c, shape.k});
    float* to = result.data();
    if (!shape.n) {
      std::memset(to, 0, floats * sizeof(float));
      return;
    }
    const Direct s = in_rows(shape);
    const int64_t parts = kernels().direct_filter_gradient_parts(s);
    const Tensor sums = call.temporary(floats * parts);
    const float *xs = x.data(), *dys = dy.data();
    float* each = sums.data();
    parallel(parts, kernels().direct_filter_gradient_scratch(s),
             [&](int64_t part, float* scratch) {
               kernels().direct_filter_gradient(s, xs, dys, each + part * floats, part, scratch);
             });
    add_parts(each, parts, floats, to);
  }

 private:
  const Geometry geometry_;
  const int height_, width_;
};

}  // namespace

void register_direct_convolutions() {
  register_op<DirectConv>();
  register_op<InputGradient>();
  register_op<DirectFilterGradient>();
}

}  // namespace resnet_tf
