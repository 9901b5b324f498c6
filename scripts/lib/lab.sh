# shellcheck shell=bash
# The lab as a whole: up, down, exec, status. Needs common.sh, cgroup.sh, lab-names.sh, lab-host.sh, lab-agent.sh and lab-scheduler.sh.

lab_up() {
  local count=$1
  case $count in '' | *[!0-9]* | 0*) fail "scripts/lab up wants a number of hosts, not \"$count\"" ;; esac
  [ "$count" -le 200 ] || fail 'at most 200 hosts fit into the /24 of a lab'
  need_root
  mkdir -p "$LAB"
  trap 'lab_up_failed $?' EXIT
  with_lock "$LAB/.lab.lock" lab_up_locked "$count"
  trap - EXIT
}

lab_up_failed() {
  [ "$1" = 0 ] || {
    say 'the lab did not come up: cleaning up'
    # A signal to this process alone leaves its subshell at work.
    end_children
    lab_down || true
  }
}

lab_up_locked() {
  local count=$1 i name fresh=()
  # Choosing a subnet and taking it must be one step among all labs of the machine.
  with_lock /run lab_bridge
  for ((i = 1; i <= count; i++)); do
    name=h$i
    if ! host_alive "$name"; then
      host_start "$name"
      fresh+=("$name")
    fi
  done
  if [ -n "$SCHEDULER" ]; then scheduler_start; fi
  for name in "${fresh[@]}"; do host_wait "$name"; done
  if [ -n "$AGENTS" ]; then
    for ((i = 1; i <= count; i++)); do agent_start "h$i"; done
    for ((i = 1; i <= count; i++)); do agent_wait "h$i"; done
  fi
  if [ -n "$SCHEDULER" ]; then
    scheduler_wait
    for ((i = 1; i <= count; i++)); do host_join "h$i"; done
  fi
  say "$count host(s) up, lab $RUN, bridge $BRIDGE $(gateway_address)"
}

# The bridge with the lab's address; made once, before the hosts.
lab_bridge() {
  local subnet
  if ip link show "$BRIDGE" >/dev/null 2>&1; then
    if [ -n "$(lab_subnet)" ] && ip -4 -o addr show dev "$BRIDGE" | grep -q " $(gateway_address)/24 "; then return; fi
    ip link del "$BRIDGE"
  fi
  subnet=$(lab_subnet)
  if [ -z "$subnet" ] || subnet_in_use "$subnet"; then subnet=$(choose_subnet); fi
  printf '%s\n' "run=$RUN" "bridge=$BRIDGE" "subnet=$subnet" "gateway=$subnet.254" >"$LAB/lab.env"
  ip link add "$BRIDGE" type bridge
  ip addr add "$subnet.254/24" dev "$BRIDGE"
  ip link set "$BRIDGE" up
}

# lab_exec NAME COMMAND...: does not return
lab_exec() {
  local pid
  pid=$(host_init_pid "$1") || fail "host $1 of the lab in $LAB does not run"
  cgroup_join "$(host_cgroup "$1")"
  shift
  exec nsenter -t "$pid" -m -u -n -p -C -r -- "$@"
}

# Hosts are found by their folders and, when those were deleted, by the names that the kernel still has.
lab_leftovers() {
  {
    hosts
    { find /run/netns "$SOCKETS" -maxdepth 1 2>/dev/null || true; } | sed -n "s#^/run/netns/berth-$RUN-\(h[0-9]*\)\$#\1#p; s#^$SOCKETS/\(h[0-9]*\)\$#\1#p"
    ip -o link show | sed -n "s/^[0-9]*: bl$RUN\(h[0-9]*\)[@:].*/\1/p"
  } | sort -uV
}

lab_down() {
  local name
  need_root
  for name in $(lab_leftovers); do host_clean "$name"; done
  scheduler_clean
  if ip link show "$BRIDGE" >/dev/null 2>&1; then ip link del "$BRIDGE"; fi
  rm -rf "$SOCKETS"
}

lab_status() {
  local name dir agent state
  if agent=$(recorded_pid "$(scheduler_dir)/scheduler.pid"); then
    state=up
    if scheduler_answers; then state=answers; fi
    printf 'scheduler %s, pid %s, %s\n' "$(scheduler_address)" "$agent" "$state"
  fi
  printf '%-6s %-16s %-10s %-10s %s\n' HOST ADDRESS LIBVIRTD AGENT STATE
  for name in $(hosts); do
    dir=$(host_dir "$name")
    state=down agent=-
    if host_alive "$name"; then
      state=up
      agent=$(recorded_pid "$dir/agent.pid") || agent=-
      if agent_ready "$name"; then state=ready; fi
      host_record_libvirtd "$name"
    fi
    printf '%-6s %-16s %-10s %-10s %s\n' "$name" "$(host_address "$name")" "$(recorded_pid "$dir/libvirtd.pid" || echo -)" "$agent" "$state"
  done
}
