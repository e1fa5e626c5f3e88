#!/bin/sh
# Resolve requirements/*.in into pinned, hashed *.txt for every Python from 3.11, naming no index.
set -eu
cd "$(dirname "$0")"
for set in build runtime dev; do
    ../.venv/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --override overrides.txt \
        --generate-hashes --no-emit-index-url --no-annotate "$set.in" -o "$set.txt"
done
