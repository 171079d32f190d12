// The kernels of one instruction set, as functions that work on one part of a tensor.
//
// The caller divides the work. Parts depend only on the shape, so the bits of a result do
// not depend on the number of threads. Tensors are float32, NHWC and contiguous.
#pragma once
#include <stddef.h>
#include <stdint.h>

namespace resnet_tf {

// A 3x3 or 5x5 convolution with stride 1 and padding "same": n images of h x w pixels,
// c input channels, k output channels. For the input gradient, c and k are swapped.
struct Convolution {
  int64_t n;
  int h, w, c, k, size = 3;
};

// A convolution of any size and stride: n images of h x w pixels and c channels to
// oh x ow pixels and k channels, with filters of kh x kw. A map gets `top` rows and `left`
// columns of zeros before it, and as many as needed after it.
struct Direct {
  int64_t n;
  int h, w, c, oh, ow, k, kh, kw, stride, top, left;
};

// 3x3 max pooling of n images of h x w pixels and c channels to oh x ow pixels.
struct MaxPool {
  int64_t n;
  int h, w, c, oh, ow, stride;
};

// Operations on the outputs of a convolution before they are written.
struct Epilogue {
  const float* bias;  // [k], or null
  bool relu;
};

// c channels of pixels that can have more channels. Pixels are `in` floats apart in the
// input of a batch norm and `out` floats apart in its output.
struct Slice {
  int c;
  ptrdiff_t in, out;
};

struct BatchNormForward {
  const float *mean, *scale, *offset;  // [c]; scale is gamma / standard deviation
  bool relu;
};

struct BatchNormBackward {
  const float *mean, *scale, *offset;  // [c], as in the forward pass
  bool relu;
};

// BN-ReLU, then a convolution from c to k channels. Pixels are `in` floats apart in the
// input and `out` floats apart in the output. See unit.h.
struct Unit {
  int64_t n;
  int h, w, c, k, in, out;
};

struct Normalization {
  const float *mean, *scale, *offset;  // [c]; scale is gamma / standard deviation
};

// The missing terms of the gradient of a map that units have read; see unit.h.
struct Rest {
  const float *mean, *slope, *constant;  // [c]
};

// The gradient of a map with k channels that a unit has written. If `y` (the map) is not
// null, the terms `rest` are missing in `dy`; `whole`, if not null, gets the complete
// gradient.
struct Upstream {
  const float *dy, *y;
  Rest rest;  // [k]
  float* whole;
};

struct Kernels {
  const char* name;

  // Transforms filters w [size][size][c][k], or with `flip` [..][k][c], rotated by 180
  // degrees. Parts are ranges of input channels.
  size_t (*filter_floats)(const Convolution&);
  void (*transform_filters)(const Convolution&, const float* w, bool flip, float* u,
                            int first_channel, int last_channel);

  int64_t (*forward_parts)(const Convolution&);
  size_t (*forward_scratch)(const Convolution&);
  void (*forward)(const Convolution&, const float* x, const float* u, float* y,
                  const Epilogue&, int64_t part, float* scratch);

  // Each part writes size * size * c * k floats; their sum is the filter gradient.
  int64_t (*filter_gradient_parts)(const Convolution&);
  size_t (*filter_gradient_scratch)(const Convolution&);
  void (*filter_gradient)(const Convolution&, const float* x, const float* dy, float* dw,
                          int64_t part, float* scratch);

  // Convolutions without Winograd's transform. Filters are packed panel by panel, for the
  // forward pass or for the gradient of the inputs.
  size_t (*direct_filter_floats)(const Direct&, bool gradient);
  int (*direct_panels)(const Direct&, bool gradient);
  void (*direct_pack)(const Direct&, const float* w, bool gradient, float* u, int panel);

  int64_t (*direct_forward_parts)(const Direct&);
  size_t (*direct_forward_scratch)(const Direct&);
  void (*direct_forward)(const Direct&, const float* x, const float* u, float* y,
                         const Epilogue&, int64_t part, float* scratch);

  int64_t (*direct_input_gradient_parts)(const Direct&);
  size_t (*direct_input_gradient_scratch)(const Direct&);
  void (*direct_input_gradient)(const Direct&, const float* dy, const float* u, float* dx,
                                int64_t part, float* scratch);

  // Each part writes kh * kw * c * k floats; their sum is the filter gradient.
  int64_t (*direct_filter_gradient_parts)(const Direct&);
  size_t (*direct_filter_gradient_scratch)(const Direct&);
  void (*direct_filter_gradient)(const Direct&, const float* x, const float* dy, float* dw,
                                 int64_t part, float* scratch);

  // Parts are images.
  void (*max_pool)(const MaxPool&, const float* x, float* y, int64_t image);
  void (*max_pool_gradient)(const MaxPool&, const float* x, const float* y, const float* dy,
                            float* dx, int64_t image);

  // Batch norm over `pixels` rows of c channels. `sums` [2][c] are the sums of x - origin
  // and of its square.
  void (*moments)(const float* x, int64_t pixels, int c, const float* origin,
                  double* sums);
  // y = (x - mean) * scale + offset (+ residual), then ReLU. `residual` has the layout of
  // x, or is null.
  void (*normalize)(const float* x, const float* residual, int64_t pixels, const Slice&,
                    const BatchNormForward&, float* y);
  // dz is dy where the output is positive, otherwise 0; without ReLU dz is dy. `sums`
  // [2][c] are the sums of dz and of dz * (x - mean). If y (the output) is given, its sign
  // decides, and dz is written. Otherwise the sign is recomputed, and dz can be null. y
  // and dz have the layout of dy.
  void (*gradient_sums)(const float* x, const float* dy, const float* y, int64_t pixels,
                        const Slice&, const BatchNormBackward&, float* dz, double* sums);
  // dx = a * dz + b * (x - mean) + d, with dz from dy as above. If `relu` of the forward
  // pass is false, dy is dz.
  void (*gradient_apply)(const float* x, const float* dy, int64_t pixels, const Slice&,
                         const BatchNormBackward&, const float* a, const float* b,
                         const float* d, float* dx);

  // Units with a 3x3 convolution, padding "same". The forward pass uses the transformed
  // filters of the convolution and the parts of `forward`. The gradient uses the filters of
  // the transposed convolution and the parts of `filter_gradient`. `sums` [2][k] are the
  // sums of the outputs and of their squares.
  size_t (*unit3_scratch)(const Unit&);
  // `add`, if not null, is a map with the layout of y that is added to the outputs first.
  // Without a mean, the unit is the convolution without batch norm and ReLU.
  void (*unit3_forward)(const Unit&, const Normalization&, const float* x, const float* u,
                        const float* add, float* y, double* sums, int64_t part,
                        float* scratch);
  // `sums` [2][c] are the sums of dz, as above, and of dz * (x - mean). g gets scale * dz
  // plus `add`, which can be g or null. Each part writes its own sums and 9 * c * k floats
  // of the filter gradient.
  size_t (*unit3_backward_scratch)(const Unit&);
  void (*unit3_backward)(const Unit&, const Normalization&, const float* x,
                         const Upstream&, const float* u, const float* add, float* g, double* sums,
                         float* dw, int64_t part, float* scratch);

  // Units with a 1x1 convolution, as above, except: forward and gradient use one set of
  // filters, dy has missing terms (y is the output), and scale * dz is added to g.
  size_t (*unit1_filter_floats)(const Unit&);
  void (*unit1_filters)(const Unit&, const float* w, float* u);
  int64_t (*unit1_parts)(const Unit&);
  size_t (*unit1_scratch)(const Unit&);
  void (*unit1_forward)(const Unit&, const Normalization&, const float* x, const float* u,
                        float* y, double* sums, int64_t part, float* scratch);
  size_t (*unit1_backward_scratch)(const Unit&);
  void (*unit1_backward)(const Unit&, const Normalization&, const float* x, const float* y,
                         const Rest&, const float* dy, const float* u, float* g, double* sums,
                         float* dw, int64_t part, float* scratch);

  // dy = g + slope * (x - mean) + constant, for pixels of c channels. Pixels of g, x and dy
  // are gs, xs and to floats apart.
  void (*complete)(int64_t pixels, int c, const float* g, ptrdiff_t gs, const float* x,
                   ptrdiff_t xs, const Rest&, float* dy, ptrdiff_t to);
};

}  // namespace resnet_tf
