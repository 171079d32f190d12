// The parts of TensorFlow for an operation: inputs, outputs, attributes, registration.
#pragma once
#include <algorithm>
#include <new>
#include <string>
#include <vector>

#include "kernels.h"
#include "tensorflow.h"

namespace resnet_tf {

// Returns the kernels for the best instructions of this CPU, or the ones a test has chosen.
const Kernels& kernels();

// Thrown if a call of TensorFlow fails. The status of the call has the reason.
struct Failed {};

// Thrown if inputs break a rule, so that the operation cannot be computed.
struct Refused {
  const char* rule;
};

inline void need(bool holds, const char* rule) {
  if (!holds) throw Refused{rule};
}

using Dims = std::vector<int64_t>;

class Status {
 public:
  Status() : status_(tensorflow().NewStatus()) {}
  ~Status() { tensorflow().DeleteStatus(status_); }
  Status(const Status&) = delete;
  TF_Status* get() const { return status_; }
  bool ok() const { return tensorflow().GetCode(status_) == TF_OK; }
  void check() const {
    if (!ok()) throw Failed();
  }
  void set(int code, const char* message) const {
    tensorflow().SetStatus(status_, code, message);
  }

 private:
  TF_Status* status_;
};

class Tensor {
 public:
  explicit Tensor(TF_Tensor* tensor = nullptr) : tensor_(tensor) {}
  Tensor(Tensor&& other) noexcept : tensor_(other.tensor_) { other.tensor_ = nullptr; }
  Tensor(const Tensor&) = delete;
  Tensor& operator=(Tensor&& other) noexcept {
    std::swap(tensor_, other.tensor_);
    return *this;
  }
  ~Tensor() {
    if (tensor_) tensorflow().DeleteTensor(tensor_);
  }
  explicit operator bool() const { return tensor_; }
  TF_Tensor* get() const { return tensor_; }
  // Returns null without a tensor.
  float* data() const {
    return tensor_ ? static_cast<float*>(tensorflow().TensorData(tensor_)) : nullptr;
  }
  Dims dims() const {
    Dims dims(tensorflow().NumDims(tensor_));
    for (size_t i = 0; i < dims.size(); i++) dims[i] = tensorflow().Dim(tensor_, int(i));
    return dims;
  }

 private:
  TF_Tensor* tensor_;
};

// Reads the attributes when TensorFlow creates an operation.
class Attributes {
 public:
  Attributes(TF_OpKernelConstruction* construction, const Status& status)
      : construction_(construction), status_(status) {}
  bool boolean(const char* name) const {
    unsigned char value = 0;
    tensorflow().OpKernelConstruction_GetAttrBool(construction_, name, &value,
                                                  status_.get());
    status_.check();
    return value;
  }
  int integer(const char* name) const {
    int32_t value = 0;
    tensorflow().OpKernelConstruction_GetAttrInt32(construction_, name, &value,
                                                   status_.get());
    status_.check();
    return value;
  }
  std::vector<int> integers(const char* name, int count) const {
    std::vector<int32_t> values(count);
    tensorflow().OpKernelConstruction_GetAttrInt32List(construction_, name, values.data(),
                                                       count, status_.get());
    status_.check();
    return values;
  }
  float number(const char* name) const {
    float value = 0;
    tensorflow().OpKernelConstruction_GetAttrFloat(construction_, name, &value,
                                                   status_.get());
    status_.check();
    return value;
  }

 private:
  TF_OpKernelConstruction* construction_;
  const Status& status_;
};

// A call of an operation.
class Call {
 public:
  Call(TF_OpKernelContext* context, const Status& status)
      : context_(context), status_(status) {}

  Tensor input(int i) const {
    TF_Tensor* tensor = nullptr;
    tensorflow().GetInput(context_, i, &tensor, status_.get());
    status_.check();
    return Tensor(tensor);
  }

  // Returns the input of a list with at most one tensor.
  Tensor optional(int i) const {
    const int count = tensorflow().NumInputs(context_);
    need(count <= i + 1, "a list must have at most one tensor");
    return count > i ? input(i) : Tensor();
  }

  Tensor output(int i, const Dims& dims) const {
    size_t bytes = sizeof(float);
    for (int64_t dim : dims) bytes *= size_t(dim);
    TF_Tensor* tensor = tensorflow().AllocateOutput(
        context_, i, TF_FLOAT, dims.data(), int(dims.size()), bytes, status_.get());
    status_.check();
    return Tensor(tensor);
  }

  // Makes an existing tensor an output, without a copy.
  void pass(int i, const Tensor& tensor) const {
    tensorflow().SetOutput(context_, i, tensor.get(), status_.get());
    status_.check();
  }

  Tensor temporary(int64_t floats) const {
    TF_AllocatorAttributes attributes = {sizeof(TF_AllocatorAttributes), 1};
    TF_Tensor* tensor = tensorflow().AllocateTemp(context_, TF_FLOAT, &floats, 1,
                                                  &attributes, status_.get());
    status_.check();
    return Tensor(tensor);
  }

 private:
  TF_OpKernelContext* context_;
  const Status& status_;
};

// Returns the size of a map (N, H, W, C), once the kernels' arithmetic cannot overflow.
inline Dims map_dims(const Tensor& x) {
  const char* rule = "a map must be (N, H, W, C), with H, W and C from 1 to 2^20";
  const Dims dims = x.dims();
  need(dims.size() == 4, rule);
  for (int i = 1; i < 4; i++) need(dims[i] > 0 && dims[i] <= 1 << 20, rule);
  return dims;
}

template <class Op>
void* create(TF_OpKernelConstruction* construction) {
  const Status status;
  try {
    return new Op(Attributes(construction, status));
  } catch (const Failed&) {
    tensorflow().OpKernelConstruction_Failure(construction, status.get());
    return nullptr;
  }
}

template <class Op>
void compute(void* op, TF_OpKernelContext* context) {
  const Status status;
  try {
    static_cast<const Op*>(op)->compute(Call(context, status));
    return;
  } catch (const Failed&) {
  } catch (const Refused& refused) {
    status.set(TF_INVALID_ARGUMENT, (std::string(Op::NAME) + ": " + refused.rule).c_str());
  } catch (const std::bad_alloc&) {
    status.set(TF_RESOURCE_EXHAUSTED, "out of memory in a kernel of resnet_tf");
  }
  tensorflow().OpKernelContext_Failure(context, status.get());
}

template <class Op>
void destroy(void* op) {
  delete static_cast<Op*>(op);
}

// Defines an operation and its kernel for CPUs. Python sets the shapes of the outputs.
template <class Op>
void register_op() {
  const TensorFlow& tf = tensorflow();
  const Status status;
  TF_OpDefinitionBuilder* op = tf.NewOpDefinitionBuilder(Op::NAME);
  for (const char* attr : Op::ATTRS) tf.OpDefinitionBuilderAddAttr(op, attr);
  for (const char* input : Op::INPUTS) tf.OpDefinitionBuilderAddInput(op, input);
  for (const char* output : Op::OUTPUTS) tf.OpDefinitionBuilderAddOutput(op, output);
  tf.OpDefinitionBuilderSetShapeInferenceFunction(
      op, [](TF_ShapeInferenceContext* context, TF_Status* result) {
        tensorflow().ShapeInferenceContextSetUnknownShape(context, result);
      });
  tf.RegisterOpDefinition(op, status.get());
  if (!status.ok()) return;
  TF_KernelBuilder* kernel =
      tf.NewKernelBuilder(Op::NAME, "CPU", create<Op>, compute<Op>, destroy<Op>);
  tf.RegisterKernelBuilder(Op::NAME, kernel, status.get());
}

void register_convolutions();
void register_direct_convolutions();
void register_batch_norm();
void register_max_pool();
void register_dense_block();
void register_units();

}  // namespace resnet_tf
