"""Shell text that finds the board's Python; used by the ssh commands and by a folder's install.sh."""

NEEDED = "3.10"

# leaves the interpreter's name in $python, or says what to do and exits with 1
FIND_PYTHON = """\
seen=
for python in python3 python3.13 python3.12 python3.11 python3.10 none; do
  command -v "$python" >/dev/null 2>&1 || continue
  "$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null && break
  seen=${seen:-$("$python" -V 2>&1)}
done
if [ "$python" = none ]; then
  if [ -n "$seen" ]; then
    echo "error: $seen is on the board, Python 3.10 or newer is needed"
  else
    echo "error: no python3 on the board: sudo apt install python3 python3-venv"
  fi
  exit 1
fi
"""
