#!/bin/sh
# Make .venv-training: the pinned needs of training, and torch without CUDA beside them.
set -eu
cd "$(dirname "$0")/.."
[ -x .venv-training/bin/python ] || "${PYTHON:-python3}" -m venv .venv-training
pip=".venv-training/bin/python -m pip install -q --disable-pip-version-check"
if ! .venv-training/bin/python -c 'import torch' 2>/dev/null; then
    echo "· installing torch 2.13.0 (training/README.md says how to choose its build)"
    $pip "torch==2.13.0"
fi
wanted=$(sha256sum <requirements/training.txt)
stamp=.venv-training/.installed
[ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ] && exit 0
echo "· installing the pinned requirements of training"
$pip --no-deps --require-hashes -r requirements/training.txt
echo "$wanted" >"$stamp"
