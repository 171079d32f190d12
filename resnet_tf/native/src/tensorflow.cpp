#include "tensorflow.h"

#include <dlfcn.h>

#include <initializer_list>

namespace resnet_tf {
namespace {

void* framework() {
  for (const char* name : {"libtensorflow_framework.so.2", "libtensorflow_framework.2.dylib",
                           "@rpath/libtensorflow_framework.2.dylib"})
    if (void* handle = dlopen(name, RTLD_LAZY | RTLD_NOLOAD)) return handle;
  return nullptr;
}

TensorFlow found() {
  TensorFlow tf;
  void* handle = framework();
  if (!handle) return tf;
  tf.complete = true;
#define FIND(result, name, parameters)                                     \
  tf.name = reinterpret_cast<result(*) parameters>(dlsym(handle, "TF_" #name)); \
  tf.complete = tf.complete && tf.name;
  TENSORFLOW_FUNCTIONS(FIND)
#undef FIND
  return tf;
}

}  // namespace

const TensorFlow& tensorflow() {
  static const TensorFlow functions = found();
  return functions;
}

}  // namespace resnet_tf
