// A dense block as one TensorFlow operation. operations.py documents it.
#include <cstring>

#include "norms.h"

namespace resnet_tf {
namespace {

// The sizes of a block with `layers` layers, and the places of the channels in its buffer.
struct Block {
  int64_t n, pixels;
  int h, w, first, k, layers, hidden;  // channels: of the input, added, hidden (or 0)
  bool prepend;

  int width() const { return first + layers * k; }
  int inputs(int layer) const { return first + layer * k; }
  // The first channel that a layer reads, and the first channel that it writes.
  int from(int layer) const { return prepend ? width() - inputs(layer) : 0; }
  int to(int layer) const { return prepend ? from(layer) - k : inputs(layer); }

  // The units of a layer: with the 1x1 convolution, and with the 3x3 convolution.
  Unit narrow(int layer) const {
    return {n, h, w, inputs(layer), hidden, width(), hidden};
  }
  Unit wide(int layer) const {
    return hidden ? Unit{n, h, w, hidden, k, hidden, width()}
                  : Unit{n, h, w, inputs(layer), k, width(), width()};
  }
};

// The inputs that forward and gradient share, from number `at` on: n times gamma, beta and
// kernel of the first unit, then m times gamma, beta and kernel of the second unit.
struct Parameters {
  const Call& call;
  int at, n, m;
  Tensor get(int unit, int which, int layer) const {
    return call.input(at + (unit ? 3 * n + which * m : which * n) + layer);
  }
};

Block block_of(const Dims& x, const Parameters& parameters, bool prepend) {
  const int n = parameters.n, m = parameters.m;
  need(n > 0 && (m == 0 || m == n), "there must be a layer, each with one unit or with two");
  const Dims last = map_dims(parameters.get(m ? 1 : 0, 2, 0));
  Block block = {x[0], x[0] * x[1] * x[2], int(x[1]), int(x[2]), int(x[3]), int(last[3]), n,
                 m ? int(last[2]) : 0, prepend};
  need(int64_t(block.first) + int64_t(n) * block.k <= 1 << 20, "too many channels");
  need(block.pixels > 0, "x must have an image");
  for (int layer = 0; layer < n; layer++)
    for (int unit = 0; unit < (m ? 2 : 1); unit++) {
      const bool last_unit = !m || unit;
      const int64_t side = last_unit ? 3 : 1;
      const int64_t c = unit ? block.hidden : block.inputs(layer);
      const int64_t k = last_unit ? block.k : block.hidden;
      need(parameters.get(unit, 2, layer).dims() == Dims{side, side, c, k},
           "kernels must fit the channels of the block");
      for (int which = 0; which < 2; which++)
        need(parameters.get(unit, which, layer).dims() == Dims{c},
             "gamma and beta must have a number for each channel");
    }
  return block;
}

Tensor packed(const Call& call, const Unit& unit, const float* w) {
  Tensor filters = call.temporary(int64_t(kernels().unit1_filter_floats(unit)));
  kernels().unit1_filters(unit, w, filters.data());
  return filters;
}

// Copies a map between buffers whose pixels are `from_step` and `to_step` floats apart.
void copy(const Rows& rows, int c, const float* from, ptrdiff_t from_step, float* to,
          ptrdiff_t to_step) {
  parallel(rows.parts, 0, [&](int64_t part, float*) {
    const int64_t first = rows.first(part);
    for (int64_t i = first; i < first + rows.size(part); i++)
      std::memcpy(to + i * to_step, from + i * from_step, c * sizeof(float));
  });
}

class DenseBlock {
 public:
  static constexpr const char* NAME = "ResnetTfDenseBlock";
  static constexpr const char* ATTRS[] = {"n: int >= 1", "m: int >= 0",
                                          "prepend: bool = false", "epsilon: float"};
  static constexpr const char* INPUTS[] = {
      "x: float",          "gamma1: n * float", "beta1: n * float", "kernel1: n * float",
      "gamma2: m * float", "beta2: m * float",  "kernel2: m * float"};
  static constexpr const char* OUTPUTS[] = {"y: float",
                                            "mean: float",
                                            "variance: float",
                                            "hidden: m * float",
                                            "hidden_mean: m * float",
                                            "hidden_variance: m * float"};

  explicit DenseBlock(const Attributes& attributes)
      : n_(attributes.integer("n")), m_(attributes.integer("m")),
        prepend_(attributes.boolean("prepend")), epsilon_(attributes.number("epsilon")) {}

  void compute(const Call& call) const {
    const Tensor x = call.input(0);
    const Parameters parameters = {call, 1, n_, m_};
    const Block block = block_of(map_dims(x), parameters, prepend_);
    const int width = block.width();
    const Tensor y = call.output(0, {block.n, block.h, block.w, width});
    const Tensor mean = call.output(1, {width}), variance = call.output(2, {width});
    const Moments moments = {mean.data(), variance.data()};
    begin(block, x.data(), y.data(), moments);
    for (int layer = 0; layer < block.layers; layer++) {
      const int from = block.from(layer), to = block.to(layer);
      if (!block.hidden) {
        unit3(call, parameters, 0, layer, block.wide(layer), y.data() + from,
              moments.from(from), y.data() + to, moments.from(to));
        continue;
      }
      const Tensor hidden = call.output(3 + layer, {block.n, block.h, block.w, block.hidden});
      const Tensor means = call.output(3 + m_ + layer, {block.hidden});
      const Tensor variances = call.output(3 + 2 * m_ + layer, {block.hidden});
      const Moments between = {means.data(), variances.data()};
      unit1(call, parameters, layer, block.narrow(layer), y.data() + from, moments.from(from),
            hidden.data(), between);
      unit3(call, parameters, 1, layer, block.wide(layer), hidden.data(), between,
            y.data() + to, moments.from(to));
    }
  }

 private:
  static void begin(const Block& block, const float* x, float* y, const Moments& moments) {
    const int c = block.first, at = block.from(0);
    const Rows rows(block.pixels, c);
    copy(rows, c, x, c, y + at, block.width());
    moments.from(at).set(summed(rows.parts, 2 * c, 0,
                                [&](int64_t part, double* sums, float*) {
                                  kernels().moments(x + rows.first(part) * c,
                                                    rows.size(part), c, x, sums);
                                }),
                         x, block.pixels);
  }

  Norm norm(const Parameters& parameters, int unit, int layer, const Moments& moments,
            int c) const {
    return Norm(moments, parameters.get(unit, 0, layer).data(),
                parameters.get(unit, 1, layer).data(), c, epsilon_);
  }

  void unit3(const Call& call, const Parameters& parameters, int unit, int layer,
             const Unit& s, const float* x, const Moments& from, float* y,
             const Moments& to) const {
    const Norm batch_norm = norm(parameters, unit, layer, from, s.c);
    const Convolution convolution = {s.n, s.h, s.w, s.c, s.k};
    const Tensor kernel = parameters.get(unit, 2, layer);
    const Tensor filters = transformed(call, convolution, kernel.data(), false);
    const float* u = filters.data();
    to.set(summed(kernels().forward_parts(convolution), 2 * s.k, kernels().unit3_scratch(s),
                  [&](int64_t part, double* sums, float* scratch) {
                    kernels().unit3_forward(s, batch_norm.get(), x, u, nullptr, y, sums, part,
                                            scratch);
                  }),
           nullptr, s.n * s.h * s.w);
  }

  void unit1(const Call& call, const Parameters& parameters, int layer, const Unit& s,
             const float* x, const Moments& from, float* y, const Moments& to) const {
    const Norm batch_norm = norm(parameters, 0, layer, from, s.c);
    const Tensor filters = packed(call, s, parameters.get(0, 2, layer).data());
    const float* u = filters.data();
    to.set(summed(kernels().unit1_parts(s), 2 * s.k, kernels().unit1_scratch(s),
                  [&](int64_t part, double* sums, float* scratch) {
                    kernels().unit1_forward(s, batch_norm.get(), x, u, y, sums, part, scratch);
                  }),
           nullptr, s.n * s.h * s.w);
  }

  const int n_, m_;
  const bool prepend_;
  const float epsilon_;
};

class DenseBlockGradient {
 public:
  static constexpr const char* NAME = "ResnetTfDenseBlockGradient";
  static constexpr const char* ATTRS[] = {"n: int >= 1", "m: int >= 0",
                                          "prepend: bool = false", "epsilon: float"};
  static constexpr const char* INPUTS[] = {"dy: float",
                                           "y: float",
                                           "mean: float",
                                           "variance: float",
                                           "gamma1: n * float",
                                           "beta1: n * float",
                                           "kernel1: n * float",
                                           "gamma2: m * float",
                                           "beta2: m * float",
                                           "kernel2: m * float",
                                           "hidden: m * float",
                                           "hidden_mean: m * float",
                                           "hidden_variance: m * float"};
  static constexpr const char* OUTPUTS[] = {
      "dx: float",          "dgamma1: n * float", "dbeta1: n * float", "dkernel1: n * float",
      "dgamma2: m * float", "dbeta2: m * float",  "dkernel2: m * float"};

  explicit DenseBlockGradient(const Attributes& attributes)
      : n_(attributes.integer("n")), m_(attributes.integer("m")),
        prepend_(attributes.boolean("prepend")), epsilon_(attributes.number("epsilon")) {}

  void compute(const Call& call) const {
    const Tensor dy = call.input(0), y = call.input(1), mean = call.input(2);
    const Tensor variance = call.input(3);
    const Dims size = map_dims(y);
    need(dy.dims() == size, "dy must have the shape of y");
    need(mean.dims() == Dims{size[3]} && variance.dims() == Dims{size[3]},
         "moments must have a number for each channel");
    const Parameters parameters = {call, 4, n_, m_};
    const int64_t added = int64_t(n_) * map_dims(parameters.get(m_ ? 1 : 0, 2, 0))[3];
    need(added < size[3], "y must have the channels of all layers");
    const Block block = block_of({size[0], size[1], size[2], size[3] - added}, parameters,
                                 prepend_);
    const int width = block.width();
    const Moments moments = {mean.data(), variance.data()};
    const Rows rows(block.pixels, width);
    const Tensor gradient = call.temporary(block.pixels * width);
    const Tensor upstream = call.temporary(block.pixels * block.k);
    const Tensor between = call.temporary(std::max<int64_t>(1, block.pixels * block.hidden));
    const float* ys = y.data();
    float *g = gradient.data(), *dys = upstream.data(), *dh = between.data();
    copy(rows, width, dy.data(), width, g, width);
    Missing missing(width);
    for (int layer = block.layers - 1; layer >= 0; layer--) {
      const int from = block.from(layer), to = block.to(layer);
      complete(rows, block.k, g + to, width, ys + to, moments.from(to), missing, to, dys,
               block.k);
      if (!block.hidden) {
        unit3(call, parameters, 0, layer, block.wide(layer), ys + from, moments.from(from),
              dys, g + from, g + from, missing, from);
        continue;
      }
      const int first = 4 + 3 * n_ + 3 * m_ + layer;
      const Tensor hidden = call.input(first);
      need(hidden.dims() == Dims({block.n, block.h, block.w, block.hidden}),
           "hidden maps must have the channels between the units");
      const Tensor means = call.input(first + m_), variances = call.input(first + 2 * m_);
      for (const Tensor* vector : {&means, &variances})
        need(vector->dims() == Dims{block.hidden},
             "hidden moments must have a number for each channel");
      const Moments inner = {means.data(), variances.data()};
      Missing rest(block.hidden);
      unit3(call, parameters, 1, layer, block.wide(layer), hidden.data(), inner, dys,
            nullptr, dh, rest, 0);
      unit1(call, parameters, layer, block.narrow(layer), ys + from, moments.from(from),
            hidden.data(), inner, rest, dh, g + from, missing, from);
    }
    const int c = block.first, at = block.from(0);
    const Tensor dx = call.output(0, {block.n, block.h, block.w, c});
    complete(rows, c, g + at, width, ys + at, moments.from(at), missing, at, dx.data(), c);
  }

 private:
  // Returns the output for the gradient of a unit's gamma, beta or kernel.
  Tensor result(const Call& call, int unit, int which, int layer, const Dims& dims) const {
    return call.output(1 + (unit ? 3 * n_ + which * m_ : which * n_) + layer, dims);
  }

  void unit3(const Call& call, const Parameters& parameters, int unit, int layer,
             const Unit& s, const float* x, const Moments& moments, const float* dy,
             const float* add, float* g, Missing& missing, int first) const {
    const Norm norm(moments, parameters.get(unit, 0, layer).data(),
                    parameters.get(unit, 1, layer).data(), s.c, epsilon_);
    const Tensor kernel = parameters.get(unit, 2, layer);
    const Tensor filters = transformed(call, {s.n, s.h, s.w, s.k, s.c}, kernel.data(), true);
    const float* u = filters.data();
    const Upstream upstream = {dy, nullptr, {}, nullptr};
    const int64_t floats = int64_t(9) * s.c * s.k;
    const int64_t parts = kernels().filter_gradient_parts({s.n, s.h, s.w, s.c, s.k});
    const Tensor partial = call.temporary(floats * parts);
    float* each = partial.data();
    const std::vector<double> sums =
        summed(parts, 2 * s.c, kernels().unit3_backward_scratch(s),
               [&](int64_t part, double* own, float* scratch) {
                 kernels().unit3_backward(s, norm.get(), x, upstream, u, add, g, own,
                                          each + part * floats, part, scratch);
               });
    add_parts(each, parts, floats, result(call, unit, 2, layer, {3, 3, s.c, s.k}).data());
    missing.add(norm, sums, s.n * s.h * s.w, first, result(call, unit, 0, layer, {s.c}).data(),
                result(call, unit, 1, layer, {s.c}).data());
  }

  void unit1(const Call& call, const Parameters& parameters, int layer, const Unit& s,
             const float* x, const Moments& moments, const float* y, const Moments& inner,
             const Missing& rest, const float* dy, float* g, Missing& missing,
             int first) const {
    const Norm norm(moments, parameters.get(0, 0, layer).data(),
                    parameters.get(0, 1, layer).data(), s.c, epsilon_);
    const Tensor filters = packed(call, s, parameters.get(0, 2, layer).data());
    const float* u = filters.data();
    const int64_t floats = int64_t(s.c) * s.k, parts = kernels().unit1_parts(s);
    const Tensor partial = call.temporary(floats * parts);
    float* each = partial.data();
    const std::vector<float> terms = rest.rest(0, s.k);
    const Rest completing = {inner.mean, terms.data(), terms.data() + s.k};
    const std::vector<double> sums =
        summed(parts, 2 * s.c, kernels().unit1_backward_scratch(s),
               [&](int64_t part, double* own, float* scratch) {
                 kernels().unit1_backward(s, norm.get(), x, y, completing, dy, u, g, own,
                                          each + part * floats, part, scratch);
               });
    add_parts(each, parts, floats, result(call, 0, 2, layer, {1, 1, s.c, s.k}).data());
    missing.add(norm, sums, s.n * s.h * s.w, first, result(call, 0, 0, layer, {s.c}).data(),
                result(call, 0, 1, layer, {s.c}).data());
  }

  const int n_, m_;
  const bool prepend_;
  const float epsilon_;
};

}  // namespace

void register_dense_block() {
  register_op<DenseBlock>();
  register_op<DenseBlockGradient>();
}

}  // namespace resnet_tf
