#!/bin/sh
# Resolve pyproject.toml against the public index alone, then write the pinned lists for pip.
set -eu
cd "$(dirname "$0")/.."
uv lock --no-config --default-index https://pypi.org/simple "$@"
for set in run dev; do
  if [ $set = run ]; then only=--no-dev; else only=; fi
  {
    echo "# Made from uv.lock by \`make lock\`; do not edit."
    uv export --no-config --quiet --frozen --extra postgres $only --no-emit-project --no-annotate --no-header
  } > requirements/$set.txt
done
if grep -nE 'https?://' uv.lock requirements/*.txt | grep -vE 'https://(pypi\.org/simple|files\.pythonhosted\.org/)'; then
  echo "The lock names an index that is not public; see the lines above." >&2
  exit 1
fi
