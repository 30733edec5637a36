#!/bin/sh
# run.sh DUMP_PROGRAM: compare.py with $TENSORMARK_TEST_PYTHON, or with the source tree's .venv; 77 without either.
here=$(dirname "$0")
python=${TENSORMARK_TEST_PYTHON:-$here/../../.venv/bin/python}
command -v "$python" >/dev/null 2>&1 || exit 77
exec "$python" "$here/compare.py" "$1"
