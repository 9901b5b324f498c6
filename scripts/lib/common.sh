# shellcheck shell=bash
# Sourced first by every script: where the checkout is, progress lines, words for failure, a lock, a wait with a deadline.
# Progress goes to stderr, results to stdout. Functions count on errexit, so callers never put them into `if`, `&&` or `||`
# but for the ones that answer a question.
# shellcheck disable=SC2034

shopt -s inherit_errexit
set -o errtrace
# No silent end: the first command that failed unforeseen is named. Code 99 says that `fail` has spoken already, 130 that it was Ctrl-C.
unforeseen() { [ "$1" = 99 ] || [ "$1" = 130 ] || echo "error: $2 ended with $1 (${3##*/}:$4)" >&2; }
trap 'unforeseen $? "$BASH_COMMAND" "${BASH_SOURCE[0]}" $LINENO' ERR
# Ctrl-C always ends a script. Without a trap bash goes on when the command it waits for ended well at that very moment, as short ones
# often do. A subshell loses its traps: one that works for long calls this first.
end_at_interrupt() { trap 'exit 130' INT; }
end_at_interrupt
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
export LC_ALL=C.UTF-8
# Called from cron, CI or a bare init there may be no HOME; npm and apt want one.
[ -n "${HOME:-}" ] || HOME=/root
export HOME
case ":$PATH:" in *:/usr/sbin:*) ;; *) PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin ;; esac
export PATH

CACHE=${BERTH_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/berth}
STARTED=${EPOCHREALTIME/[.,]/}

# elapsed: seconds since the script began, one decimal
elapsed() {
  local tenths=$(((${EPOCHREALTIME/[.,]/} - STARTED) / 100000))
  printf '%d.%d' $((tenths / 10)) $((tenths % 10))
}

say() { printf '[%6ss] %s\n' "$(elapsed)" "$*" >&2; }

fail() {
  printf 'error: %s\n' "$*" >&2
  exit 99
}

# answer_help ARGUMENT...: with -h or --help among them the script says what its first comment says, and ends
answer_help() {
  case " $* " in *' -h '* | *' --help '*) ;; *) return 0 ;; esac
  sed -n '2,/^set /s/^# //p' "$0"
  exit 0
}

need_root() { [ "$(id -u)" = 0 ] || fail "scripts/$(basename "$0") must run as root (it installs packages, makes namespaces and talks to libvirtd)"; }

# hold_lock PATH: one holder at a time on this machine, until this process ends; PATH is a lock file or an existing folder. What the
# process starts inherits the lock: work that outlives a killed script is waited for. Daemons let go of it (become_daemon).
LOCKS=()
hold_lock() {
  local path=$1 fd
  if [ -d "$path" ]; then exec {fd}<"$path"; else
    mkdir -p "$(dirname "$path")"
    exec {fd}>>"$path"
  fi
  if ! flock -n "$fd"; then
    say "waiting for another run, which holds $path"
    flock -w 900 "$fd" || fail "another run holds $path for 15 minutes"
  fi
  LOCKS+=("$fd")
}

# with_lock PATH COMMAND...: holds the lock as long as the command runs, in a subshell
with_lock() {
  local fd
  hold_lock "$1"
  fd=${LOCKS[-1]}
  ("${@:2}")
  unset 'LOCKS[-1]'
  exec {fd}>&-
}

forget_locks() {
  local fd
  for fd in "${LOCKS[@]}"; do exec {fd}>&-; done
  LOCKS=()
}

# wait_until SECONDS COMMAND...: asks five times a second until the command succeeds; 1 at the deadline
wait_until() {
  local deadline=$((${EPOCHREALTIME/[.,]/} + $1 * 1000000))
  shift
  until "$@" >/dev/null 2>&1; do
    [ "${EPOCHREALTIME/[.,]/}" -lt $deadline ] || return 1
    sleep 0.2
  done
}

# run_logged FILE COMMAND...: its last line every 20 s as long as it works; the log's tail when it failed
run_logged() {
  local log=$1 code=0 me=$BASHPID beat
  shift
  heartbeat "$log" "$me" &
  beat=$!
  "$@" >"$log" 2>&1 </dev/null || code=$?
  kill "$beat" 2>/dev/null || true
  wait "$beat" 2>/dev/null || true
  if [ $code != 0 ]; then
    tail -n 40 "$log" >&2
    fail "$1 failed; the whole output is in $log"
  fi
}

# heartbeat LOG PID: ends with that process. It waits by reading what never comes: a `sleep` would outlive it.
heartbeat() {
  local log=$1 parent=$2 nothing line last=
  trap - ERR
  forget_locks
  exec {nothing}<> <(:)
  while true; do
    read -rt 20 -u "$nothing" || true
    kill -0 "$parent" 2>/dev/null || exit 0
    line=$(tail -n 1 "$log" | tr -cd '[:print:]' | cut -c 1-100)
    if [ "$line" = "$last" ]; then say '  …'; else say "  … $line"; fi
    last=$line
  done
}

# need_space FOLDER MIB WHAT: refuses before the work rather than in the middle of it
need_space() {
  local free
  free=$(df -Pm "$1" | awk 'END {print $4}')
  [ "$free" -ge "$2" ] || fail "$3 needs $2 MiB, and $1 has $free MiB free"
}

# stat_field PID N: field N of /proc/PID/stat, counted as proc(5) does from 3 (the name before it may hold anything). Needs no program:
# Ctrl-C spares a background subshell that records itself, and not the programs that it starts.
stat_field() {
  local stat='' fields
  { IFS= read -rd '' stat <"/proc/$1/stat" || [ -n "$stat" ]; } 2>/dev/null || return 1
  read -ra fields <<<"${stat##*) }"
  echo "${fields[$(($2 - 3))]}"
}

# start_time PID: the kernel's start time of a process. Together with the pid it names one process for ever.
start_time() { stat_field "$1" 22; }

gone() { [ "$(stat_field "$1" 3 || echo Z)" = Z ]; }

# record_pid FILE PID: writes the pid to FILE and, before it, its start time beside it
record_pid() {
  start_time "$2" >"$1.start" || true
  echo "$2" >"$1"
}

# Where a host serves the guest image to itself, as examples/ name it.
# shellcheck disable=SC2034
readonly IMAGE_ADDRESS=127.0.0.1:18750

# become_daemon FILE: for a background subshell that then `exec`s a daemon. The process records itself, so there is no moment at which
# it runs unrecorded, however the script ends; `daemon_recorded FILE $!` waits for that.
become_daemon() {
  forget_locks
  record_pid "$1" "$BASHPID"
}

daemon_recorded() { wait_until 10 is_recorded "$1" "$2" || true; }
is_recorded() { [ "$(cat "$1")" = "$2" ] || gone "$2"; }

# recorded_pid FILE: prints the pid when that very process still lives
recorded_pid() {
  local pid
  pid=$(cat "$1" 2>/dev/null) && [ -n "$pid" ] && ! gone "$pid" &&
    [ "$(start_time "$pid")" = "$(cat "$1.start" 2>/dev/null)" ] && echo "$pid"
}

# end_recorded FILE SECONDS: SIGTERM, SIGKILL after the deadline; only ever the process that was recorded
end_recorded() {
  local pid
  if pid=$(recorded_pid "$1"); then
    kill "$pid" 2>/dev/null || true
    wait_until "$2" gone "$pid" || kill -9 "$pid" 2>/dev/null || true
    wait_until 10 gone "$pid" || fail "process $pid does not end"
  fi
  rm -f "$1" "$1.start"
}

# end_children: ends what this process itself has started and not yet waited for
end_children() {
  local child children=()
  read -ra children <"/proc/$BASHPID/task/$BASHPID/children" || true
  for child in "${children[@]}"; do
    kill "$child" 2>/dev/null || true
    wait_until 5 gone "$child" || kill -9 "$child" 2>/dev/null || true
  done
}
