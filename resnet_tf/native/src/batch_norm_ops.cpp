// Batch norm as TensorFlow operations. norms.py documents them.
#include <cmath>
#include <numeric>

#include "parts.h"

namespace resnet_tf {
namespace {

// Channels that are contiguous both in an input and in an output.
struct Piece {
  int map, from, output, to, c;
};

// The inputs and the outputs of batch norm. They divide the same channels differently.
struct Channels {
  std::vector<int> maps, outputs;
  Dims size;  // of all inputs and outputs, without the channels

  // Adds the next map, which must have the size of the first one.
  void add(const Dims& dims, std::vector<int>& list) {
    if (size.empty()) size = {dims[0], dims[1], dims[2]};
    need(dims[0] == size[0] && dims[1] == size[1] && dims[2] == size[2],
         "maps must have the same images, rows and columns");
    list.push_back(int(dims[3]));
  }
  int64_t pixels() const { return size[0] * size[1] * size[2]; }
  int total() const { return std::accumulate(maps.begin(), maps.end(), 0); }
  Dims dims(int c) const { return {size[0], size[1], size[2], c}; }

  std::vector<Piece> pieces() const {
    std::vector<Piece> found;
    size_t output = 0;
    int to = 0;
    for (size_t map = 0; map < maps.size(); map++)
      for (int from = 0; from < maps[map];) {
        need(output < outputs.size(), "outputs must have the channels of x");
        const int c = std::min(maps[map] - from, outputs[output] - to);
        need(c > 0, "an output must have a channel");
        found.push_back({int(map), from, int(output), to, c});
        from += c;
        to += c;
        if (to < outputs[output]) continue;
        output++;
        to = 0;
      }
    need(output == outputs.size(), "outputs must have the channels of x");
    return found;
  }
  Slice slice(const Piece& piece) const {
    return {piece.c, maps[piece.map], outputs[piece.output]};
  }
};

// Returns a list of tensors among the inputs.
std::vector<Tensor> list(const Call& call, int first, int count) {
  std::vector<Tensor> tensors;
  for (int i = 0; i < count; i++) tensors.push_back(call.input(first + i));
  return tensors;
}

class BatchNorm {
 public:
  static constexpr const char* NAME = "ResnetTfBatchNorm";
  static constexpr const char* ATTRS[] = {
      "m: int >= 1", "p: int >= 1",        "widths: list(int)", "q: int >= 0",
      "n: int >= 0", "relu: bool = false", "epsilon: float",    "momentum: float"};
  static constexpr const char* INPUTS[] = {
      "x: m * float",           "gamma: m * float",           "beta: m * float",
      "moving_mean: m * float", "moving_variance: m * float", "moments: q * float",
      "residual: n * float"};
  static constexpr const char* OUTPUTS[] = {"y: p * float", "new_mean: m * float",
                                            "new_variance: m * float", "mean: m * float",
                                            "deviation: m * float"};

  explicit BatchNorm(const Attributes& attributes)
      : m_(attributes.integer("m")), widths_(attributes.integers("widths", attributes.integer("p"))),
        q_(attributes.integer("q")), relu_(attributes.boolean("relu")),
        epsilon_(attributes.number("epsilon")), momentum_(attributes.number("momentum")) {}

  void compute(const Call& call) const {
    const std::vector<Tensor> x = list(call, 0, m_), beta = list(call, 2 * m_, m_);
    need(q_ == 0 || q_ == 2 * m_, "moments must be given for all maps or for no map");
    const Tensor residual = call.optional(5 * m_ + q_);
    Channels channels;
    for (const Tensor& each : x) channels.add(map_dims(each), channels.maps);
    channels.outputs = widths_;
    const std::vector<Piece> pieces = channels.pieces();
    need(channels.pixels() > 0, "x must have an image");
    if (residual)
      need(residual.dims() == x[0].dims() && pieces.size() == 1,
           "residual must have the shape of x");
    std::vector<Tensor> y, mean;
    for (size_t i = 0; i < widths_.size(); i++)
      y.push_back(call.output(int(i), channels.dims(widths_[i])));
    std::vector<std::vector<float>> scale(m_);
    for (int i = 0; i < m_; i++)
      mean.push_back(measure(call, i, x[i].data(), channels.pixels(), channels.maps[i], &scale[i]));
    const float* add = residual.data();
    const Rows rows(channels.pixels(), channels.total());
    parallel(rows.parts, 0, [&](int64_t part, float*) {
      const int64_t at = rows.first(part);
      for (const Piece& piece : pieces) {
        const Slice slice = channels.slice(piece);
        const int i = piece.map, first = piece.from;
        const BatchNormForward p = {mean[i].data() + first, &scale[i][first],
                                    beta[i].data() + first, relu_};
        kernels().normalize(x[i].data() + at * slice.in + first,
                            add ? add + at * slice.in : nullptr, rows.size(part), slice, p,
                            y[piece.output].data() + at * slice.out + piece.to);
      }
    });
  }

 private:
  // Writes the statistics of map number i; returns its mean.
  Tensor measure(const Call& call, int i, const float* x, int64_t pixels, int c,
                 std::vector<float>* scale) const {
    const Tensor gamma = call.input(m_ + i), beta = call.input(2 * m_ + i);
    const Tensor old_mean = call.input(3 * m_ + i), old_variance = call.input(4 * m_ + i);
    for (const Tensor* vector : {&gamma, &beta, &old_mean, &old_variance})
      need(vector->dims() == Dims{c}, "parameters must have a number for each channel");
    const int p = int(widths_.size());
    const Tensor new_mean = call.output(p + i, {c}), new_variance = call.output(p + m_ + i, {c});
    const Tensor deviation = call.output(p + 3 * m_ + i, {c});
    Tensor mean = call.output(p + 2 * m_ + i, {c});
    const Rows rows(pixels, c);
    const std::vector<double> batch = q_ ? given(call, 5 * m_ + 2 * i, c) : moments(x, rows, c);
    scale->resize(c);
    for (int j = 0; j < c; j++) {
      const double center = batch[j], variance = batch[c + j];
      const double unbiased =
          pixels > 1 ? variance * double(pixels) / double(pixels - 1) : variance;
      const double d = std::sqrt(variance + epsilon_);
      mean.data()[j] = float(center);
      deviation.data()[j] = float(d);
      (*scale)[j] = float(gamma.data()[j] / d);
      new_mean.data()[j] = moved(old_mean.data()[j], center);
      new_variance.data()[j] = moved(old_variance.data()[j], unbiased);
    }
    return mean;
  }

  // Returns the mean and the variance of each channel, [2][c], which the operation that
  // wrote the map has summed.
  static std::vector<double> given(const Call& call, int first, int c) {
    std::vector<double> moments;
    for (int i = first; i < first + 2; i++) {
      const Tensor vector = call.input(i);
      need(vector.dims() == Dims{c}, "moments must have a number for each channel");
      moments.insert(moments.end(), vector.data(), vector.data() + c);
    }
    return moments;
  }

  static std::vector<double> moments(const float* x, const Rows& rows, int c) {
    std::vector<double> sums = summed(rows.parts, 2 * c, 0, [&](int64_t part, double* own, float*) {
      kernels().moments(x + rows.first(part) * c, rows.size(part), c, x, own);
    });
    for (int i = 0; i < c; i++) {
      const double shift = sums[i] / double(rows.pixels);
      sums[c + i] = std::max(0.0, sums[c + i] / double(rows.pixels) - shift * shift);
      sums[i] = double(x[i]) + shift;
    }
    return sums;
  }

  float moved(float old, double batch) const {
    return float(double(momentum_) * old + (1 - double(momentum_)) * batch);
  }

  const int m_;
  const std::vector<int> widths_;
  const int q_;
  const bool relu_;
  const float epsilon_, momentum_;
};

class BatchNormGradient {
 public:
  static constexpr const char* NAME = "ResnetTfBatchNormGradient";
  static constexpr const char* ATTRS[] = {"m: int >= 1", "p: int >= 1", "n: int >= 0",
                                          "relu: bool = false"};
  static constexpr const char* INPUTS[] = {"dy: p * float",    "x: m * float",
                                           "gamma: m * float", "beta: m * float",
                                           "mean: m * float",  "deviation: m * float",
                                           "y: n * float"};
  static constexpr const char* OUTPUTS[] = {"dx: m * float", "dgamma: m * float",
                                            "dbeta: m * float", "dresidual: n * float"};

  explicit BatchNormGradient(const Attributes& attributes)
      : m_(attributes.integer("m")), p_(attributes.integer("p")),
        relu_(attributes.boolean("relu")) {}

  void compute(const Call& call) const {
    const std::vector<Tensor> dy = list(call, 0, p_);
    const Tensor y = call.optional(p_ + 5 * m_);
    Channels channels;
    for (int i = 0; i < m_; i++) channels.add(map_dims(call.input(p_ + i)), channels.maps);
    for (const Tensor& each : dy) channels.add(map_dims(each), channels.outputs);
    const std::vector<Piece> pieces = channels.pieces();
    need(channels.pixels() > 0, "x must have an image");
    if (y)
      need(y.dims() == dy[0].dims() && relu_ && pieces.size() == 1,
           "y must have the shape of x, with ReLU");
    const Tensor dz = y ? call.output(3 * m_, dy[0].dims()) : Tensor();
    std::vector<Map> maps;
    for (int i = 0; i < m_; i++) maps.push_back(map(call, i, channels));
    const Rows rows(channels.pixels(), channels.total());
    const float* signs = y.data();
    float* masked = dz.data();
    const std::vector<double> sums = summed(
        rows.parts, 2 * channels.total(), 0, [&](int64_t part, double* own, float*) {
          const int64_t at = rows.first(part);
          for (const Piece& piece : pieces) {
            const Slice s = channels.slice(piece);
            const Map& each = maps[piece.map];
            const int64_t to = at * s.out + piece.to;
            kernels().gradient_sums(each.x.data() + at * s.in + piece.from,
                                    dy[piece.output].data() + to, signs ? signs + to : nullptr,
                                    rows.size(part), s, each.backward(piece.from, relu_),
                                    masked ? masked + to : nullptr, own);
            own += 2 * piece.c;
          }
        });
    const double* next = sums.data();
    for (const Piece& piece : pieces) {
      maps[piece.map].finish(piece, next, channels.pixels());
      next += 2 * piece.c;
    }
    parallel(rows.parts, 0, [&](int64_t part, float*) {
      const int64_t at = rows.first(part);
      for (const Piece& piece : pieces) {
        const Slice s = channels.slice(piece);
        const Map& each = maps[piece.map];
        const int first = piece.from;
        const float* upstream = (y ? masked : dy[piece.output].data()) + at * s.out + piece.to;
        // With y, dz is already masked.
        kernels().gradient_apply(each.x.data() + at * s.in + first, upstream, rows.size(part), s,
                                 each.backward(first, relu_ && !y), &each.a[first],
                                 &each.b[first], &each.d[first],
                                 each.dx.data() + at * s.in + first);
      }
    });
  }

 private:
  // An input, its batch norm and the gradients: dx = a * dz + b * (x - mean) + d.
  struct Map {
    Tensor x, gamma, beta, mean, deviation, dx, dgamma, dbeta;
    std::vector<float> scale, a, b, d;

    BatchNormBackward backward(int first, bool relu) const {
      return {mean.data() + first, &scale[first], beta.data() + first, relu};
    }
    // Sets the gradients of some channels from the sums of dz and of dz * (x - mean).
    void finish(const Piece& piece, const double* sums, int64_t pixels) {
      for (int i = 0; i < piece.c; i++) {
        const int j = piece.from + i;
        const double inverse = 1 / double(deviation.data()[j]);
        dbeta.data()[j] = float(sums[i]);
        dgamma.data()[j] = float(sums[piece.c + i] * inverse);
        a[j] = scale[j];
        b[j] = float(-scale[j] * inverse * inverse * sums[piece.c + i] / double(pixels));
        d[j] = float(-scale[j] * sums[i] / double(pixels));
      }
    }
  };

  Map map(const Call& call, int i, const Channels& channels) const {
    const int c = channels.maps[i];
    const auto input = [&](int which) { return call.input(p_ + which * m_ + i); };
    Map map = {input(0), input(1), input(2), input(3), input(4), call.output(i, channels.dims(c)),
               call.output(m_ + i, {c}), call.output(2 * m_ + i, {c}),
               std::vector<float>(c), std::vector<float>(c), std::vector<float>(c),
               std::vector<float>(c)};
    for (const Tensor* vector : {&map.gamma, &map.beta, &map.mean, &map.deviation})
      need(vector->dims() == Dims{c}, "parameters must have a number for each channel");
    for (int j = 0; j < c; j++)
      map.scale[j] = float(double(map.gamma.data()[j]) / map.deviation.data()[j]);
    return map;
  }

  const int m_, p_;
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
