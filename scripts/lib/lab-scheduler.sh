# shellcheck shell=bash
# The scheduler of a lab: a network namespace of its own on the lab's bridge, its supervisor, and the hosts' joining.
# Needs common.sh, lab-names.sh, lab-host.sh and lab-agent.sh.

# The program that is run.
# shellcheck disable=SC2034
SCHEDULER_PROGRAM=$ROOT/bin/berth-scheduler

scheduler_dir() { echo "$LAB/scheduler"; }
scheduler_netns() { echo "berth-$RUN-scheduler"; }
scheduler_veth() { echo "bl${RUN}s"; }
scheduler_address() { echo "$(lab_subnet).250"; }
scheduler_socket() { echo "$SOCKETS/scheduler/scheduler.sock"; }

scheduler_network() {
  local netns veth
  netns=$(scheduler_netns) veth=$(scheduler_veth)
  if [ -e "/run/netns/$netns" ]; then return; fi
  ip link del "$veth" 2>/dev/null || true
  ip netns add "$netns"
  ip link add "$veth" type veth peer name eth0 netns "$netns"
  ip link set "$veth" master "$BRIDGE" up
  ip -n "$netns" link set lo up
  ip -n "$netns" addr add "$(scheduler_address)/24" dev eth0
  ip -n "$netns" link set eth0 up
  ip -n "$netns" route add default via "$(gateway_address)"
}

scheduler_config() {
  cat <<Y
# Made by scripts/lab.
stateDir: $(yaml "$(scheduler_dir)/state")
socketPath: $(yaml "$(scheduler_socket)")
listen: ["127.0.0.1:8751", "$(scheduler_address):8751"]
Y
}

scheduler_start() {
  local dir
  dir=$(scheduler_dir)
  scheduler_network
  mkdir -p "$dir" "$SOCKETS/scheduler"
  ln -sfn "$(scheduler_socket)" "$dir/scheduler.sock"
  if recorded_pid "$dir/scheduler-loop.pid" >/dev/null; then return; fi
  end_recorded "$dir/scheduler.pid" 20
  scheduler_config >"$dir/scheduler.yaml"
  (
    become_daemon "$dir/scheduler-loop.pid"
    exec setsid "$ROOT/scripts/lib/lab-loop.sh" "netns:$(scheduler_netns)" "$dir" scheduler "$SCHEDULER_PROGRAM" "$AGENT_PAUSE"
  ) </dev/null >>"$dir/scheduler.log" 2>&1 &
  daemon_recorded "$dir/scheduler-loop.pid" $!
}

scheduler_answers() { curl -sf -m 5 -o /dev/null --unix-socket "$(scheduler_socket)" http://localhost/livez; }
scheduler_answers_or_dead() { scheduler_answers || ! recorded_pid "$(scheduler_dir)/scheduler-loop.pid"; }

scheduler_wait() {
  local dir
  dir=$(scheduler_dir)
  # One that has answered and died since is started again.
  { wait_until 60 scheduler_answers_or_dead && recorded_pid "$dir/scheduler-loop.pid" >/dev/null; } || {
    tail -n 30 "$dir/scheduler.log" >&2
    fail "the scheduler does not answer; its log is $dir/scheduler.log"
  }
  (umask 077 && sed "s#https://[^/]*:8751#https://$(scheduler_address):8751#" "$dir/state/kubeconfig" >"$LAB/kubeconfig.new")
  mv "$LAB/kubeconfig.new" "$LAB/kubeconfig"
}

# host_join NAME: with a token of its own, as an operator would; fine when the host has joined already
host_join() {
  local name=$1 command
  [ ! -e "$(host_dir "$name")/state/cluster/membership.json" ] || return 0
  command=$("$ROOT/bin/berth" --socket "$(scheduler_socket)" node token create 2>/dev/null) || fail 'the scheduler gave no token for joining'
  # The words after `berth`; none has a blank in it.
  read -ra command <<<"${command#berth }"
  "$ROOT/bin/berth" --socket "$SOCKETS/$name/berth/agent.sock" "${command[@]}" >/dev/null || fail "host $name did not join the scheduler"
}

# scheduler_clean: ends the scheduler and removes whatever carries its name; fine when there is none
scheduler_clean() {
  local dir netns pid
  dir=$(scheduler_dir) netns=$(scheduler_netns)
  end_recorded "$dir/scheduler-loop.pid" 5
  end_recorded "$dir/scheduler.pid" 20
  if [ -e "/run/netns/$netns" ]; then
    for pid in $(ip netns pids "$netns"); do kill -9 "$pid" 2>/dev/null || true; done
    ip netns del "$netns"
  fi
  ip link del "$(scheduler_veth)" 2>/dev/null || wait_until 10 no_link "$(scheduler_veth)" || fail "the interface $(scheduler_veth) does not go away"
  rm -f "$dir"/scheduler.{pid,pid.start,sock}
}
