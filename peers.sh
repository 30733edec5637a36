#!/usr/bin/env bash
# ./peers.sh: puts the frameworks that this version can compare with into .venv, pinned.
set -euo pipefail
cd "$(dirname "$0")"
tools/install-deps --test
exec tools/test-venv
