// Vectors of floats in the widest registers of the instruction set.
//
// The compiler turns the vector extensions of GCC and Clang into AVX-512, AVX2, SSE or
// NEON instructions. Only loads and stores of a part of a vector need intrinsics.
//
// The kernels are compiled once for each instruction set and linked into one library.
// The linker would keep one version of an inline function of the C++ library, and this
// version could contain instructions that the CPU does not have. So these headers do not
// include the C++ library, and everything that they define is local to a file.
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__AVX512F__) || defined(__AVX2__)
#include <immintrin.h>
#endif

#define INLINE inline __attribute__((always_inline))
#define INLINE_LAMBDA __attribute__((always_inline))
#if defined(__clang__)
#define UNROLL _Pragma("unroll")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

namespace {

#if defined(__AVX512F__)
constexpr int LANES = 16;
#elif defined(__AVX2__)
constexpr int LANES = 8;
#else
constexpr int LANES = 4;
#endif

typedef float Vec __attribute__((vector_size(LANES * 4), aligned(4), may_alias));

INLINE Vec load(const float* p) { return *reinterpret_cast<const Vec*>(p); }
INLINE void store(float* p, Vec v) { *reinterpret_cast<Vec*>(p) = v; }
INLINE Vec broadcast(float x) { return x - Vec{}; }
INLINE Vec relu(Vec x) { return x < 0 ? Vec{} : x; }  // keeps NaN

// Access to the first `n` floats of a vector, 0 < n < LANES. The others are zeros.
struct Part {
#if defined(__AVX512F__)
  __mmask16 mask;
  explicit INLINE Part(int n) : mask(__mmask16((1u << n) - 1)) {}
  INLINE Vec get(const float* p) const { return (Vec)_mm512_maskz_loadu_ps(mask, p); }
  INLINE void put(float* p, Vec v) const { _mm512_mask_storeu_ps(p, mask, (__m512)v); }
#elif defined(__AVX2__)
  __m256i mask;
  int n;
  explicit INLINE Part(int count)
      : mask(_mm256_cmpgt_epi32(_mm256_set1_epi32(count),
                                _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7))),
        n(count) {}
  INLINE Vec get(const float* p) const { return (Vec)_mm256_maskload_ps(p, mask); }
  // AMD's masked store takes as long as 20 plain stores.
  INLINE void put(float* p, Vec v) const {
    __m128 rest = _mm256_castps256_ps128((__m256)v);
    if (n & 4) {
      _mm_storeu_ps(p, rest);
      rest = _mm256_extractf128_ps((__m256)v, 1);
      p += 4;
    }
    if (n & 2) {
      _mm_storel_pi(reinterpret_cast<__m64*>(p), rest);
      rest = _mm_movehl_ps(rest, rest);
      p += 2;
    }
    if (n & 1) _mm_store_ss(p, rest);
  }
#else
  int n;
  explicit INLINE Part(int count) : n(count) {}
  INLINE Vec get(const float* p) const {
    Vec v{};
    for (int i = 0; i < n; i++) v[i] = p[i];
    return v;
  }
  INLINE void put(float* p, Vec v) const {
    for (int i = 0; i < n; i++) p[i] = v[i];
  }
#endif
};

struct Whole {
  INLINE Vec get(const float* p) const { return load(p); }
  INLINE void put(float* p, Vec v) const { store(p, v); }
};

// Calls body(i, access) for each vector of `count` floats; the last can be a Part.
template <class Body>
INLINE void for_vectors(int count, Body body) {
  int i = 0;
  for (; i + LANES <= count; i += LANES) body(i, Whole());
  if (i < count) body(i, Part(count - i));
}

template <class T>
constexpr T least(T a, T b) { return a < b ? a : b; }
template <class T>
constexpr T most(T a, T b) { return a > b ? a : b; }
constexpr int round_up(int n, int to) { return (n + to - 1) / to * to; }

}  // namespace
