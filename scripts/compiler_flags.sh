#!/usr/bin/env bash
# Prints the compiler flags with which llama.cpp is built: what newer Intel CPUs have and it does
# better without. Of the code for the matrix unit (AMX) GCC 12 loses half, and the first prompt then
# ends the runner. With half-precision arithmetic (AVX512-FP16) attention over heads of 64 values is
# not vectorised and sums coarsely: at 2,048 tokens SmolLM2 writes a third as fast.
set -euo pipefail
[ "$(uname -m)" = x86_64 ] || exit 0
for flag in -mno-amx-tile -mno-amx-int8 -mno-amx-bf16 -mno-avx512fp16; do
    if "${CC:-cc}" "$flag" -fsyntax-only -x c /dev/null 2>/dev/null; then
        printf '%s ' "$flag"
    fi
done
