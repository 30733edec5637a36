#!/usr/bin/env bash
# ./peers.sh: puts the frameworks that this version can compare with into .venv, pinned, and builds what needs their
# headers for every build that is there already.
set -euo pipefail
cd "$(dirname "$0")"
tools/install-deps --test
tools/test-venv
for torch in .venv/lib/python3*/site-packages/torch; do
    [ -d "$torch/include" ] || continue
    for backends in build/*/backends; do
        [ -e "$backends/libtensormark_torch.so" ] || continue
        backends/torch/build-scalar-ops "$torch" "$backends" || echo "torch: leaky_relu, softplus and scatter_sum stay out"
    done
done
