# shellcheck shell=bash
# One lab host: network namespace with a veth on the lab's bridge, cgroup subtree, and a pid + mount + uts + cgroup namespace
# under tini. tini reaps: where the machine's PID 1 does not, libvirt's QEMU probe waits 30 s twice per start.
# Needs common.sh, cgroup.sh and lab-names.sh.

# Whether QEMU is to take no locks on disks.
UNLOCKED=''
# Whether guests are to move between the hosts; and the folders that are then laid over /usr.
MOVABLE=''
OVER_USR=''
# An image that each host serves to itself on IMAGE_ADDRESS, as examples/ name it; empty for none.
SERVED_IMAGE=''

host_alive() { recorded_pid "$(host_dir "$1")/host.pid" >/dev/null; }

# host_init_pid NAME: tini, the host's PID 1, as seen from here (the only child of `unshare`)
host_init_pid() {
  local parent child
  parent=$(recorded_pid "$(host_dir "$1")/host.pid") || return 1
  read -r child _ <"/proc/$parent/task/$parent/children" || [ -n "${child:-}" ] || return 1
  echo "$child"
}

host_network() {
  local name=$1 netns veth
  netns=$(host_netns "$name") veth=$(host_veth "$name")
  ip netns add "$netns"
  ip link add "$veth" type veth peer name eth0 netns "$netns"
  ip link set "$veth" master "$BRIDGE" up
  ip -n "$netns" link set lo up
  ip -n "$netns" addr add "$(host_address "$name")/24" dev eth0
  ip -n "$netns" link set eth0 up
  ip -n "$netns" route add default via "$(gateway_address)"
  ip netns exec "$netns" sysctl -qw net.ipv4.ip_forward=1
}

host_libvirt_config() {
  local dir=$1
  mkdir -p "$dir/libvirt/etc"
  [ -e "$dir/uuid" ] || cat /proc/sys/kernel/random/uuid >"$dir/uuid"
  # Hosts of a cluster are told apart by it.
  tr -d - <"$dir/uuid" >"$dir/machine-id"
  cat >"$dir/libvirt/etc/qemu.conf" <<'Q'
user = "root"
group = "root"
remember_owner = 0
security_driver = "none"
namespaces = []
migrate_tls_x509_cert_dir = "/etc/pki/qemu"
migrate_tls_x509_verify = 1
Q
  cat >"$dir/libvirt/etc/libvirtd.conf" <<Q
host_uuid = "$(cat "$dir/uuid")"
auth_unix_rw = "none"
max_clients = 5000
Q
  # The modular daemons read one file each.
  for daemon in virtqemud virtnetworkd virtproxyd; do cp "$dir/libvirt/etc/libvirtd.conf" "$dir/libvirt/etc/$daemon.conf"; done
}

host_start() {
  local name=$1 dir run
  dir=$(host_dir "$name") run=$SOCKETS/$name
  host_clean "$name"
  mkdir -p "$dir"/{state,pki} "$LAB/shared" "$run"
  rm -f "$dir/unlocked"
  [ -z "$UNLOCKED" ] || touch "$dir/unlocked"
  if [ -n "$OVER_USR" ]; then echo "$OVER_USR" >"$dir/over-usr"; else rm -f "$dir/over-usr"; fi
  if [ -n "$SERVED_IMAGE" ]; then echo "$SERVED_IMAGE" >"$dir/served-image"; else rm -f "$dir/served-image"; fi
  ln -sfn "$run" "$dir/run"
  ln -sfn "$run/berth/agent.sock" "$dir/agent.sock"
  host_libvirt_config "$dir"
  {
    printf '127.0.0.1 localhost\n%s gateway\n' "$(gateway_address)"
    seq 200 | sed "s/.*/$(lab_subnet).& h&/"
  } >"$dir/hosts"
  if unified; then echo unified; else echo v1; fi >"$dir/cgroups"
  host_network "$name"
  cgroup_make "$(host_cgroup "$name")"
  (
    cgroup_join "$(host_cgroup "$name")"
    become_daemon "$dir/host.pid"
    exec setsid ip netns exec "$(host_netns "$name")" unshare --fork --kill-child --pid --mount --uts --cgroup --mount-proc \
      tini -g -- "$ROOT/scripts/lib/lab-host-init.sh" "$name" "$dir" "$run"
  ) </dev/null >>"$dir/host.log" 2>&1 &
  daemon_recorded "$dir/host.pid" $!
}

host_has_libvirt() { nsenter -t "$(host_init_pid "$1")" -m -n -p -r -- virsh -q -c qemu:///system connect; }

# host_record_libvirtd NAME: writes libvirtd's pid as seen from out here to libvirtd.pid; it is another one after each restart
host_record_libvirtd() {
  local name=$1 dir pid inner
  dir=$(host_dir "$name")
  # The process of this host whose innermost pid is the one that the daemon wrote.
  inner=$(cat "$dir/run/libvirtd.pid" 2>/dev/null || cat "$dir/run/virtqemud.pid" 2>/dev/null) || return 0
  for pid in $(ip netns pids "$(host_netns "$name")"); do
    if [ "$(awk '/^NSpid:/ {print $NF}' "/proc/$pid/status" 2>/dev/null)" = "$inner" ]; then record_pid "$dir/libvirtd.pid" "$pid"; fi
  done
}

host_wait() {
  local name=$1 dir
  dir=$(host_dir "$name")
  wait_until 60 host_has_libvirt "$name" || {
    tail -n 20 "$dir/host.log" >&2
    fail "libvirtd of host $name does not answer; its log is $dir/host.log"
  }
  host_record_libvirtd "$name"
}

no_link() { ! ip link show "$1"; }

# host_clean NAME: ends the host and removes whatever carries its name; fine when there is nothing
host_clean() {
  local name=$1 dir netns pid
  dir=$(host_dir "$name") netns=$(host_netns "$name")
  end_recorded "$dir/agent-loop.pid" 5
  if pid=$(host_init_pid "$name"); then
    # The kernel ends everything in a pid namespace with its PID 1, guests too.
    kill -9 "$pid" 2>/dev/null || true
  fi
  end_recorded "$dir/host.pid" 10
  if [ -e "/run/netns/$netns" ]; then
    for pid in $(ip netns pids "$netns"); do kill -9 "$pid" 2>/dev/null || true; done
    ip netns del "$netns"
  fi
  # The kernel may be removing it already, with the namespace that had its other end.
  ip link del "$(host_veth "$name")" 2>/dev/null || wait_until 10 no_link "$(host_veth "$name")" || fail "the interface $(host_veth "$name") does not go away"
  cgroup_remove "$(host_cgroup "$name")"
  rm -rf "${SOCKETS:?}/$name"
  rm -f "$dir"/{libvirtd,agent}.pid "$dir"/{libvirtd,agent}.pid.start "$dir/run" "$dir/agent.sock" "$dir/cgroups"
}
