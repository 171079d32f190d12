// A 3x3 convolution, with or without batch norm and ReLU before it, as one TensorFlow
// operation. units.py documents it.
#include "norms.h"

namespace resnet_tf {
namespace {

// The lengths of the lists of tensors: parameters of batch norm (0 or 1), moments of x (0
// or 2), residual (0 or 1) and x as an output (0 or 1).
struct Form {
  int b, m, n, p;
  explicit Form(const Attributes& attributes)
      : b(attributes.integer("b")), m(attributes.integer("m")), n(attributes.integer("n")),
        p(attributes.integer("p")) {
    valid = (b == 0 || b == 1) && (m == 0 || (m == 2 && b)) && n <= 1 && p <= 1;
  }
  bool valid;
  void check() const { need(valid, "lists of tensors must have a known length"); }
};

// The inputs that forward and gradient share.
struct Inputs {
  Tensor x, kernel, gamma, beta;
  Unit unit;
  int64_t pixels;

  Inputs(const Call& call, const Form& form) : x(call.input(0)), kernel(call.input(1)) {
    form.check();
    const Dims size = map_dims(x), filter = map_dims(kernel);
    const int c = int(size[3]), k = int(filter[3]);
    need(filter == Dims({3, 3, c, k}), "kernel must be (3, 3, C, filters)");
    need(size[0] > 0, "x must have an image");
    unit = {size[0], int(size[1]), int(size[2]), c, k, c, k};
    pixels = size[0] * size[1] * size[2];
    if (!form.b) return;
    gamma = call.input(2);
    beta = call.input(3);
    need(gamma.dims() == Dims{c} && beta.dims() == Dims{c},
         "gamma and beta must have a number for each channel");
  }
  Convolution convolution() const { return {unit.n, unit.h, unit.w, unit.c, unit.k}; }
  Convolution transposed() const { return {unit.n, unit.h, unit.w, unit.k, unit.c}; }
  Dims in() const { return {unit.n, unit.h, unit.w, unit.c}; }
  Dims out() const { return {unit.n, unit.h, unit.w, unit.k}; }
  Norm norm(const Moments& moments, float epsilon) const {
    return Norm(moments, gamma.data(), beta.data(), unit.c, epsilon);
  }
};

class ConvUnit {
 public:
  static constexpr const char* NAME = "ResnetTfUnit";
  static constexpr const char* ATTRS[] = {"b: int >= 0", "m: int >= 0",    "n: int >= 0",
                                          "p: int >= 0", "epsilon: float", "momentum: float"};
  static constexpr const char* INPUTS[] = {
      "x: float",        "kernel: float",          "gamma: b * float",
      "beta: b * float", "moving_mean: b * float", "moving_variance: b * float",
      "moments: m * float", "residual: n * float"};
  static constexpr const char* OUTPUTS[] = {
      "y: float",         "y_mean: float",          "y_variance: float",
      "new_mean: b * float", "new_variance: b * float", "mean: b * float",
      "variance: b * float", "passed: p * float"};

  explicit ConvUnit(const Attributes& attributes)
      : form_(attributes), epsilon_(attributes.number("epsilon")),
        momentum_(attributes.number("momentum")) {}

  void compute(const Call& call) const {
    const Inputs inputs(call, form_);
    if (form_.p) call.pass(3 + 4 * form_.b, inputs.x);
    if (!form_.b) return convolve(call, inputs, {});
    const int c = inputs.unit.c;
    const Tensor mean = call.output(5, {c}), variance = call.output(6, {c});
    const Moments moments = {mean.data(), variance.data()};
    find_moments(call, form_.m, 6, inputs.x.data(), inputs.pixels, c, moments);
    const Tensor new_mean = call.output(3, {c}), new_variance = call.output(4, {c});
    move(call, 4, momentum_, moments, inputs.pixels, c,
         {new_mean.data(), new_variance.data()});
    convolve(call, inputs, inputs.norm(moments, epsilon_).get());
  }

 private:
  void convolve(const Call& call, const Inputs& inputs, const Normalization& norm) const {
    const Unit& s = inputs.unit;
    const Tensor residual =
        form_.n ? call.input(2 + 4 * form_.b + form_.m) : Tensor();
    if (residual) need(residual.dims() == inputs.out(), "residual must have the shape of y");
    const Tensor y = call.output(0, inputs.out());
    const Tensor mean = call.output(1, {s.k}), variance = call.output(2, {s.k});
    const Convolution shape = inputs.convolution();
    const Tensor filters = transformed(call, shape, inputs.kernel.data(), false);
    const float *x = inputs.x.data(), *u = filters.data(), *add = residual.data();
    float* to = y.data();
    Moments{mean.data(), variance.data()}.set(
        summed(kernels().forward_parts(shape), 2 * s.k, kernels().unit3_scratch(s),
               [&](int64_t part, double* sums, float* scratch) {
                 kernels().unit3_forward(s, norm, x, u, add, to, sums, part, scratch);
               }),
        nullptr, inputs.pixels);
  }

  const Form form_;
  const float epsilon_, momentum_;
};

// The gradient of y without the terms from the moments of y; inputs from `first` on.
struct Gradient {
  Tensor y, mean, dy;
  std::vector<float> rest;
  bool lacks = false;  // whether the moments have a gradient

  Gradient(const Call& call, int first, const Inputs& inputs)
      : y(call.input(first)), mean(call.input(first + 1)), dy(call.input(first + 2)),
        rest(2 * size_t(inputs.unit.k)) {
    const int k = inputs.unit.k;
    const Tensor dmean = call.input(first + 3), dvariance = call.input(first + 4);
    need(y.dims() == inputs.out() && dy.dims() == inputs.out(),
         "y and dy must have the shape of the output");
    for (const Tensor* vector : std::initializer_list<const Tensor*>{&mean, &dmean, &dvariance})
      need(vector->dims() == Dims{k}, "moments of y must have a number for each channel");
    for (int i = 0; i < k; i++) {
      rest[i] = float(2 * double(dvariance.data()[i]) / double(inputs.pixels));
      rest[k + i] = float(double(dmean.data()[i]) / double(inputs.pixels));
      lacks = lacks || rest[i] != 0 || rest[k + i] != 0;
    }
  }
  Upstream get(float* whole) const {
    if (!lacks) return {dy.data(), nullptr, {}, nullptr};
    return {dy.data(), y.data(), {mean.data(), rest.data(), rest.data() + rest.size() / 2}, whole};
  }
};

class ConvUnitGradient {
 public:
  static constexpr const char* NAME = "ResnetTfUnitGradient";
  static constexpr const char* ATTRS[] = {"b: int >= 0", "m: int >= 0", "n: int >= 0",
                                          "p: int >= 0", "epsilon: float"};
  static constexpr const char* INPUTS[] = {
      "x: float",        "kernel: float",       "gamma: b * float",   "beta: b * float",
      "mean: b * float", "variance: b * float", "y: float",           "y_mean: float",
      "dy: float",       "dy_mean: float",      "dy_variance: float", "dpassed: p * float"};
  static constexpr const char* OUTPUTS[] = {
      "dx: float",        "dkernel: float",      "dgamma: b * float",
      "dbeta: b * float", "dmoments: m * float", "dresidual: n * float"};

  explicit ConvUnitGradient(const Attributes& attributes)
      : form_(attributes), epsilon_(attributes.number("epsilon")) {}

  void compute(const Call& call) const {
    const Inputs inputs(call, form_);
    const int after = 2 + 4 * form_.b, result = 2 + 2 * form_.b + form_.m;
    const Tensor passed = form_.p ? call.input(after + 5) : Tensor();
    if (passed) need(passed.dims() == inputs.in(), "dpassed must have the shape of x");
    const Gradient gradient(call, after, inputs);
    const bool write = form_.n && gradient.lacks;
    const Tensor whole = write ? call.output(result, inputs.out()) : Tensor();
    if (form_.n && !write) call.pass(result, gradient.dy);
    const Tensor dx = call.output(0, inputs.in());
    const Upstream upstream = gradient.get(whole.data());
    if (form_.b) through_norm(call, inputs, upstream, passed.data(), dx.data());
    else backward(call, inputs, {}, upstream, passed.data(), dx.data());
  }

 private:
  void through_norm(const Call& call, const Inputs& inputs, const Upstream& dy,
                    const float* passed, float* dx) const {
    const int c = inputs.unit.c;
    const Tensor mean = call.input(4), variance = call.input(5);
    need(mean.dims() == Dims{c} && variance.dims() == Dims{c},
         "moments must have a number for each channel");
    const Moments moments = {mean.data(), variance.data()};
    const Norm norm = inputs.norm(moments, epsilon_);
    Missing missing(c);
    missing.add(norm, backward(call, inputs, norm.get(), dy, passed, dx), inputs.pixels, 0,
                call.output(2, {c}).data(), call.output(3, {c}).data());
    if (!form_.m)
      return complete(Rows(inputs.pixels, c), c, dx, c, inputs.x.data(), moments, missing, 0,
                      dx, c);
    const Tensor dmean = call.output(4, {c}), dvariance = call.output(5, {c});
    for (int i = 0; i < c; i++) {
      dmean.data()[i] = float(missing.constant[i] * double(inputs.pixels));
      dvariance.data()[i] = float(missing.slope[i] * double(inputs.pixels) / 2);
    }
  }

  // Writes the gradients of the kernel and of x, without the terms from the moments of x.
  // Returns the sums of batch norm's gradient.
  static std::vector<double> backward(const Call& call, const Inputs& inputs,
                                      const Normalization& norm, const Upstream& dy,
                                      const float* add, float* g) {
    const Unit& s = inputs.unit;
    const Tensor filters = transformed(call, inputs.transposed(), inputs.kernel.data(), true);
    const float *x = inputs.x.data(), *u = filters.data();
    const int64_t floats = int64_t(9) * s.c * s.k;
    const int64_t parts = kernels().filter_gradient_parts(inputs.convolution());
    const Tensor partial = call.temporary(floats * parts);
    float* each = partial.data();
    std::vector<double> sums =
        summed(parts, 2 * s.c, kernels().unit3_backward_scratch(s),
               [&](int64_t part, double* own, float* scratch) {
                 kernels().unit3_backward(s, norm, x, dy, u, add, g, own,
                                          each + part * floats, part, scratch);
               });
    add_parts(each, parts, floats, call.output(1, {3, 3, s.c, s.k}).data());
    return sums;
  }

  const Form form_;
  const float epsilon_;
};

}  // namespace

void register_units() {
  register_op<ConvUnit>();
  register_op<ConvUnitGradient>();
}

}  // namespace resnet_tf
