#!/bin/sh
# Finds a Python that Greenroom can use and hands over to environments.py beside this file.
# PYTHON=/path/to/python3.13 chooses one by hand; the one chosen first is kept.
here=$(CDPATH='' cd "$(dirname "$0")" && pwd)

suits() {
    "$1" -c 'import sys, venv, ensurepip; sys.exit(not (3, 12) <= sys.version_info[:2] <= (3, 14))' \
        >/dev/null 2>&1
}

for candidate in ${PYTHON:+"$PYTHON"} "$here/../.venv/bin/python" python3 python3.13 python3.12 python3.14 \
    "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.13*/bin/python3 \
    "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.12*/bin/python3 \
    "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.14*/bin/python3 \
    /opt/homebrew/bin/python3.13 /opt/homebrew/bin/python3.12 \
    /usr/local/bin/python3.13 /usr/local/bin/python3.12; do
    if suits "$candidate"; then
        exec "$candidate" -I "$here/environments.py" "$@"
    fi
done

echo "Greenroom needs Python 3.12, 3.13 or 3.14 with its venv module, and none was found:" \
    "install one (pyenv install 3.13, brew install python@3.13, or apt install python3.13-venv)," \
    "or say where it is with make PYTHON=/path/to/python3.13." >&2
exit 1
