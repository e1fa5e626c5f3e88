#!/bin/sh
# Resolve requirements/*.in anew into pinned, hashed *.txt for every Python from 3.11, naming no index.
set -eu
cd "$(dirname "$0")"
lock() {
    ../.venv/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --override "$2" \
        --generate-hashes --no-emit-index-url --no-annotate "$1.in" -o "$1.txt"
}
for set in build runtime; do lock "$set" overrides.txt; done
lock dev dev-overrides.txt
lock training training-overrides.txt # torch and CUDA stay out, see training/README.md
