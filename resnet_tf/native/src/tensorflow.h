// The part of TensorFlow's stable C API that the operations use. It is looked up at run
// time in the TensorFlow that loads this library. So the build needs no TensorFlow, and one
// binary works with every version that keeps the API (2.16 and later).
//
// The declarations copy tensorflow/c/{ops,kernels,tf_tensor,tf_status}.h.
#pragma once
#include <cstddef>
#include <cstdint>

extern "C" {
struct TF_Status;
struct TF_Tensor;
struct TF_OpDefinitionBuilder;
struct TF_ShapeInferenceContext;
struct TF_KernelBuilder;
struct TF_OpKernelConstruction;
struct TF_OpKernelContext;
struct TF_AllocatorAttributes {
  size_t struct_size;
  unsigned char on_host;
};
}

namespace resnet_tf {

enum { TF_OK = 0, TF_INVALID_ARGUMENT = 3, TF_RESOURCE_EXHAUSTED = 8 };
enum { TF_FLOAT = 1 };

// All functions, as X(result, name, parameters).
#define TENSORFLOW_FUNCTIONS(X)                                                          \
  X(TF_Status*, NewStatus, (void))                                                       \
  X(void, DeleteStatus, (TF_Status*))                                                    \
  X(void, SetStatus, (TF_Status*, int, const char*))                                     \
  X(int, GetCode, (const TF_Status*))                                                    \
  X(TF_OpDefinitionBuilder*, NewOpDefinitionBuilder, (const char*))                      \
  X(void, OpDefinitionBuilderAddAttr, (TF_OpDefinitionBuilder*, const char*))            \
  X(void, OpDefinitionBuilderAddInput, (TF_OpDefinitionBuilder*, const char*))           \
  X(void, OpDefinitionBuilderAddOutput, (TF_OpDefinitionBuilder*, const char*))          \
  X(void, OpDefinitionBuilderSetShapeInferenceFunction,                                  \
    (TF_OpDefinitionBuilder*, void (*)(TF_ShapeInferenceContext*, TF_Status*)))          \
  X(void, RegisterOpDefinition, (TF_OpDefinitionBuilder*, TF_Status*))                   \
  X(void, ShapeInferenceContextSetUnknownShape, (TF_ShapeInferenceContext*, TF_Status*)) \
  X(TF_KernelBuilder*, NewKernelBuilder,                                                 \
    (const char*, const char*, void* (*)(TF_OpKernelConstruction*),                      \
     void (*)(void*, TF_OpKernelContext*), void (*)(void*)))                             \
  X(void, RegisterKernelBuilder, (const char*, TF_KernelBuilder*, TF_Status*))           \
  X(void, OpKernelConstruction_GetAttrBool,                                              \
    (TF_OpKernelConstruction*, const char*, unsigned char*, TF_Status*))                 \
  X(void, OpKernelConstruction_GetAttrInt32,                                             \
    (TF_OpKernelConstruction*, const char*, int32_t*, TF_Status*))                       \
  X(void, OpKernelConstruction_GetAttrInt32List,                                         \
    (TF_OpKernelConstruction*, const char*, int32_t*, int, TF_Status*))                  \
  X(void, OpKernelConstruction_GetAttrFloat,                                             \
    (TF_OpKernelConstruction*, const char*, float*, TF_Status*))                         \
  X(void, OpKernelConstruction_Failure, (TF_OpKernelConstruction*, TF_Status*))          \
  X(int, NumInputs, (TF_OpKernelContext*))                                               \
  X(void, GetInput, (TF_OpKernelContext*, int, TF_Tensor**, TF_Status*))                 \
  X(TF_Tensor*, AllocateOutput,                                                          \
    (TF_OpKernelContext*, int, int, const int64_t*, int, size_t, TF_Status*))            \
  X(void, SetOutput, (TF_OpKernelContext*, int, const TF_Tensor*, TF_Status*))            \
  X(TF_Tensor*, AllocateTemp,                                                            \
    (TF_OpKernelContext*, int, const int64_t*, int, TF_AllocatorAttributes*,             \
     TF_Status*))                                                                        \
  X(void, OpKernelContext_Failure, (TF_OpKernelContext*, TF_Status*))                    \
  X(int, NumDims, (const TF_Tensor*))                                                    \
  X(int64_t, Dim, (const TF_Tensor*, int))                                               \
  X(void*, TensorData, (const TF_Tensor*))                                               \
  X(void, DeleteTensor, (TF_Tensor*))

struct TensorFlow {
#define DECLARE(result, name, parameters) result(*name) parameters = nullptr;
  TENSORFLOW_FUNCTIONS(DECLARE)
#undef DECLARE
  bool complete = false;  // whether every function was found
};

// Returns the functions of the TensorFlow in this process.
const TensorFlow& tensorflow();

}  // namespace resnet_tf
