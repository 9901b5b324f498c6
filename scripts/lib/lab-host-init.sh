#!/usr/bin/env bash
# lab-host-init.sh NAME FOLDER RUN: the first process of a lab host, inside its namespaces under tini. Gives the host its own
# hostname, /run, cgroups and libvirt folders, then keeps libvirtd (or the modular daemons).
set -euo pipefail
name=$1 folder=$2 run=$3

hostname "$name"

# `ip netns exec` has mounted a fresh /sys; the cgroup namespace makes the host's subtree look like the root.
if [ "$(cat "$folder/cgroups")" = unified ]; then
  mount -t cgroup2 cgroup2 /sys/fs/cgroup
  mkdir -p /sys/fs/cgroup/init
  # A cgroup that hands controllers down may hold no process itself.
  while read -r pid; do echo "$pid" >/sys/fs/cgroup/init/cgroup.procs; done < <(cat /sys/fs/cgroup/cgroup.procs)
  read -ra controllers </sys/fs/cgroup/cgroup.controllers
  for controller in "${controllers[@]}"; do
    echo "+$controller" >/sys/fs/cgroup/cgroup.subtree_control || true
  done
else
  mount -t tmpfs cgroup_root /sys/fs/cgroup
  for controller in cpu cpuacct cpuset memory devices freezer blkio pids; do
    mkdir "/sys/fs/cgroup/$controller"
    mount -t cgroup -o "$controller" cgroup "/sys/fs/cgroup/$controller" || rmdir "/sys/fs/cgroup/$controller"
  done
fi

mount --bind "$run" /run
# A lab has no name server. Without this libvirt asks one for its own name at each start of a guest, and waits 10 s.
mount --bind "$folder/hosts" /etc/hosts
if [ ! -L /etc/resolv.conf ] && [ -e /etc/resolv.conf ]; then mount --bind /dev/null /etc/resolv.conf; fi
mount_here() {
  if [ -d "$1" ]; then mkdir -p "$2"; else [ -e "$2" ] || touch "$2"; fi
  mount --bind "$1" "$2"
}
mount_here "$folder/machine-id" /etc/machine-id
# The same paths on all hosts: machines that move take theirs along.
mount_here "$folder/state" /var/lib/berth
mount_here "$(dirname "$(dirname "$folder")")/shared" /var/lib/berth-shared
mount_here "$folder/pki" /etc/pki/qemu
if [ -e "$folder/over-usr" ]; then "$(dirname "$(readlink -f "$0")")/lab-newer-qemu.sh" "$(cat "$folder/over-usr")"; fi
if [ -e "$folder/unlocked" ]; then "$(dirname "$(readlink -f "$0")")/lab-unlocked-qemu.sh" "$folder/qemu"; fi
mkdir -p /run/berth "$folder"/libvirt/{lib/images,lib/qemu,lib/boot,cache,log/qemu,etc}
for pair in lib:/var/lib cache:/var/cache log:/var/log etc:/etc; do
  mkdir -p "${pair#*:}/libvirt"
  mount --bind "$folder/libvirt/${pair%%:*}" "${pair#*:}/libvirt"
done
# What swtpm writes beside the TPMs' state, which is libvirt's: logs, and the authority that certifies this host's TPMs, as the user of libvirt's
# choice.
mkdir -p "$folder/libvirt/log/swtpm"
mount_here "$folder/libvirt/log/swtpm" /var/log/swtpm
if [ -d /var/lib/swtpm-localca ]; then
  mkdir -p "$folder/swtpm-localca"
  chmod --reference=/var/lib/swtpm-localca "$folder/swtpm-localca"
  chown --reference=/var/lib/swtpm-localca "$folder/swtpm-localca"
  mount_here "$folder/swtpm-localca" /var/lib/swtpm-localca
fi

here=$(dirname "$(readlink -f "$0")")
# It goes on as a child of what this becomes.
if [ -e "$folder/served-image" ]; then node "$here/serve-file.mjs" "$(cat "$folder/served-image")" 18750 guest.qcow2 >/dev/null & fi
exec "$here/libvirt-daemons.sh"
