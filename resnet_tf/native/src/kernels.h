// The kernels of one instruction set, as functions that work on one part of a tensor.
//
// The caller divides the work: parts are fixed by the shape alone, so the bits of a
// result do not depend on the number of threads. Tensors are float32, NHWC, contiguous.
#pragma once
#include <stddef.h>
#include <stdint.h>

namespace resnet_tf {

// A 3x3 convolution of stride 1 with padding "same": n images of h x w pixels,
// c channels in, k channels out. For the input gradient, c and k change places.
struct Convolution {
  int64_t n;
  int h, w, c, k;
};

// What is done to the outputs of a convolution before they are written.
struct Epilogue {
  const float* bias;  // [k], or null
  bool relu;
};

struct BatchNormForward {
  const float *mean, *scale, *offset;  // [c]; scale is gamma / standard deviation
  bool relu;
};

struct BatchNormBackward {
  const float *mean, *scale, *offset;  // [c], as in the forward pass
  bool relu;
};

struct Kernels {
  const char* name;

  // Filters: w [3][3][c][k] (with `flip` [3][3][k][c], turned by 180 degrees) to the
  // transformed form. Parts are ranges of input channels.
  size_t (*filter_floats)(const Convolution&);
  void (*transform_filters)(const Convolution&, const float* w, bool flip, float* u,
                            int first_channel, int last_channel);

  int64_t (*forward_parts)(const Convolution&);
  size_t (*forward_scratch)(const Convolution&);
  void (*forward)(const Convolution&, const float* x, const float* u, float* y,
                  const Epilogue&, int64_t part, float* scratch);

  // Each part writes 9 * c * k floats; their sum is the filter gradient.
  int64_t (*filter_gradient_parts)(const Convolution&);
  size_t (*filter_gradient_scratch)(const Convolution&);
  void (*filter_gradient)(const Convolution&, const float* x, const float* dy, float* dw,
                          int64_t part, float* scratch);

  // Batch norm over `pixels` rows of c channels. `sums` is [2][c]: of x - origin and of
  // its square.
  void (*moments)(const float* x, int64_t pixels, int c, const float* origin,
                  double* sums);
  // y = (x - mean) * scale + offset (+ residual), then ReLU. `residual` may be null.
  void (*normalize)(const float* x, const float* residual, int64_t pixels, int c,
                    const BatchNormForward&, float* y);
  // With dz = dy where the output was positive (dy without ReLU), `sums` [2][c] are the
  // sums of dz and of dz * (x - mean). With y, the output, its sign decides and dz is
  // written; else the sign is computed again and dz may be null.
  void (*gradient_sums)(const float* x, const float* dy, const float* y, int64_t pixels,
                        int c, const BatchNormBackward&, float* dz, double* sums);
  // dx = a * dz + b * (x - mean) + d; dz from dy as above, or dz itself where `relu` of
  // the forward pass is false.
  void (*gradient_apply)(const float* x, const float* dy, int64_t pixels, int c,
                         const BatchNormBackward&, const float* a, const float* b,
                         const float* d, float* dx);
};

}  // namespace resnet_tf
