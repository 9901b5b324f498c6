# shellcheck shell=bash
# One cgroup subtree per lab host, in every v1 controller or in the unified tree, so that CPU shares of one host's guests are
# real and apart from its neighbours'. Needs common.sh.

CGROUPS=/sys/fs/cgroup
# Not "systemd" and "unified": those hold no resources.
V1_CONTROLLERS=(cpu cpuacct cpuset memory devices freezer blkio pids)

unified() { [ -e "$CGROUPS/cgroup.controllers" ]; }

# cgroup_folders NAME: the folders of that subtree, whether they exist or not
cgroup_folders() {
  local controller
  if unified; then
    echo "$CGROUPS/$1"
    return
  fi
  for controller in "${V1_CONTROLLERS[@]}"; do
    # Joined controllers are links (cpu -> cpu,cpuacct): the real folder once.
    if mountpoint -q "$CGROUPS/$controller" && [ ! -L "$CGROUPS/$controller" ]; then echo "$CGROUPS/$controller/$1"; fi
  done
  for controller in cpu,cpuacct net_cls,net_prio; do
    if mountpoint -q "$CGROUPS/$controller"; then echo "$CGROUPS/$controller/$1"; fi
  done
}

cgroup_make() {
  local folder controller
  if unified; then
    for controller in cpu cpuset memory io pids; do
      # The root's own processes may forbid it (a container): the host then has fewer controllers, and the agent says so.
      echo "+$controller" 2>/dev/null >"$CGROUPS/cgroup.subtree_control" || true
    done
  fi
  for folder in $(cgroup_folders "$1"); do
    mkdir -p "$folder" || continue
    if ! unified && [ -e "$folder/cpuset.cpus" ]; then
      cat "${folder%/*}/cpuset.cpus" >"$folder/cpuset.cpus"
      cat "${folder%/*}/cpuset.mems" >"$folder/cpuset.mems"
    fi
  done
}

# cgroup_join NAME: moves the calling shell there. In the unified tree that is the leaf "init" once the host made it:
# a cgroup that hands controllers down may hold no process.
cgroup_join() {
  local folder
  for folder in $(cgroup_folders "$1"); do
    if [ -d "$folder/init" ]; then folder=$folder/init; fi
    echo "$BASHPID" 2>/dev/null >"$folder/cgroup.procs" || true
  done
}

cgroup_empty() {
  local folder
  for folder in $(cgroup_folders "$1"); do
    [ ! -d "$folder" ] || find "$folder" -depth -type d -exec rmdir {} +
    [ ! -d "$folder" ] || return 1
  done
}

# cgroup_remove NAME: kills what is still in it and removes it
cgroup_remove() {
  local folder pid
  for folder in $(cgroup_folders "$1"); do
    [ -d "$folder" ] || continue
    while read -r pid; do
      [ "$pid" = 0 ] || kill -9 "$pid" 2>/dev/null || true
    done < <(find "$folder" -name cgroup.procs -exec cat {} +)
  done
  wait_until 10 cgroup_empty "$1" || fail "the cgroup $1 does not become empty"
}
