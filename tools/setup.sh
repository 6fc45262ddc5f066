#!/bin/sh
# Make .venv from the hash-pinned lists: `setup.sh run` or `setup.sh dev`.
#
# Written for a bare Debian, where ensurepip is missing and the system's pip may not install
# anything for the system itself. So: an environment without pip, filled by the pip outside it.
set -eu
cd "$(dirname "$0")/.."
set_name=$1
python=${PYTHON:-python3}
venv=.venv

stop() { echo "setup: $*" >&2; exit 1; }

# Root on Debian may fetch a missing package; anybody else is told its name.
need_debian() {
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "setup: installing $1 through apt-get" >&2
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$1"; } >/dev/null \
      || stop "apt-get could not install $1."
  else
    stop "$2 On Debian or Ubuntu: apt install $1"
  fi
}

if ! command -v "$python" >/dev/null 2>&1; then
  [ "$python" = python3 ] || stop "There is no $python here."
  need_debian python3 "There is no python3 here."
fi
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
  || stop "$("$python" --version) is too old; Tiercel needs 3.11 or newer (PYTHON=/path/to/python make setup)."
"$python" -c 'import venv' 2>/dev/null || need_debian python3-venv "This Python lacks its venv module."

# Any pip from 22.3 on can fill the environment, also that of another interpreter.
find_pip() {
  for pip in "$python" python3 /usr/bin/python3; do
    "$pip" -m pip --version >/dev/null 2>&1 && return 0
  done
  return 1
}
find_pip || { need_debian python3-pip "There is no pip for $python."; find_pip; } \
  || stop "There is still no pip for $python; PYTHON=/usr/bin/python3 make setup may help."

# An environment that works is filled further, so that a change does not pull it from under a
# running test; `make clean` starts afresh.
if ! "$venv/bin/python" -c '' 2>/dev/null; then
  rm -rf "$venv"
  "$python" -m venv --without-pip "$venv" || stop "$python could not make an environment."
fi
fill() {
  "$pip" -m pip --python "$venv/bin/python" install --quiet --disable-pip-version-check --no-input \
    --require-hashes --only-binary :all: "$@" -r "requirements/$set_name.txt"
}
# Nothing is compiled, but for zfec where it has no wheel (arm64 Linux, a Python newer than it).
if ! fill 2>"$venv/pip.log"; then
  if grep -q "No matching distribution found for zfec" "$venv/pip.log"; then
    echo "setup: building zfec here; this needs a C compiler and the headers of Python" >&2
    fill --no-binary zfec || stop "zfec could not be built. On Debian or Ubuntu: apt install gcc python3-dev"
  else
    cat "$venv/pip.log" >&2
    stop "pip could not install requirements/$set_name.txt (see above)."
  fi
fi

# Tiercel itself: a path to src and the plainest script there is. -I: nothing of the caller's
# Python settings, no module lying about in the current folder. Building a wheel here would need
# a build environment from the network, and the usual console scripts start slower.
"$venv/bin/python" -I - <<'PY'
import os
import sys
import sysconfig

with open(os.path.join(sysconfig.get_path("purelib"), "tiercel-src.pth"), "w", encoding="utf-8") as out:
    out.write(os.path.relpath("src", sysconfig.get_path("purelib")) + "\n")
script = os.path.join(sysconfig.get_path("scripts"), "tiercel")
python = os.path.join(sysconfig.get_path("scripts"), "python")
with open(script, "w", encoding="utf-8") as out:
    # A kernel reads only so much of a first line, and splits it at spaces; sh has no such limit.
    if len(python) < 100 and " " not in python:
        out.write(f"#!{python} -I\n")
    else:
        out.write(f"#!/bin/sh\n'''exec' \"{python}\" -I \"$0\" \"$@\"\n' '''\n")
    out.write("import sys\n\nfrom tiercel.cli.main import main\n\nsys.exit(main())\n")
os.chmod(script, 0o755)
PY
# The tests start a PostgreSQL of their own. Without its programs they skip what needs one, and say so.
if [ "$set_name" = dev ] && ! command -v initdb >/dev/null 2>&1 && ! ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    need_debian postgresql ""
  else
    echo "setup: no PostgreSQL here; tests that need one will be skipped. On Debian or Ubuntu: apt install postgresql" >&2
  fi
fi
touch "$venv/.$set_name"
