#!/bin/sh
# Runs the kernels of each instruction set of this CPU under three sanitizers.
set -e
src=$(cd "$(dirname "$0")/../../resnet_tf/native/src" && pwd)
check=$(cd "$(dirname "$0")" && pwd)/check.cpp
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
sets="baseline:"
grep -q ' avx2 ' /proc/cpuinfo && sets="$sets avx2:-mavx2,-mfma"
grep -q ' avx512dq ' /proc/cpuinfo &&
  sets="$sets avx512:-mavx512f,-mavx512bw,-mavx512dq,-mavx512vl,-mfma"
for sanitizer in address,undefined thread; do
  for set in $sets; do
    flags=$(echo "${set#*:}" | tr ',' ' ')
    # shellcheck disable=SC2086
    ${CXX:-g++} -std=c++17 -O1 -g -Wall -Wextra -fsanitize=$sanitizer \
      -fno-sanitize-recover=all -ffp-contract=fast -DKERNELS="${set%%:*}" $flags \
      -I"$src" "$src/kernels.cpp" "$src/pool.cpp" "$check" -o "$out/check" -lpthread
    result=$("$out/check")  # a failed check ends the script
    echo "$sanitizer, ${set%%:*}: $result"
  done
done
