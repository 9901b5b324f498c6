#!/usr/bin/env bash
# tree.sh NAME FOLDER: a host with systemd as PID 1, for tests. Its files are this machine's, seen through an overlay in memory: all
# packages are there, and what is written is gone afterwards. No network but its own, devices and cgroups of its own, no /dev/kvm.
# Runs until it is killed; "reboot" in the tree starts it again. Everything of it carries NAME.
set -euo pipefail
. "$(dirname "$(readlink -f "$0")")/../../../scripts/lib/common.sh"
. "$ROOT/scripts/lib/cgroup.sh"
readonly NAME=$1 PLACE=$2
root=$PLACE/root

# Beside the resources, systemd wants its own hierarchy.
own_cgroups() {
  local kind
  cgroup_make "$NAME"
  cgroup_join "$NAME"
  for kind in systemd unified; do
    if mountpoint -q "$CGROUPS/$kind"; then
      mkdir -p "$CGROUPS/$kind/$NAME"
      echo $$ >"$CGROUPS/$kind/$NAME/cgroup.procs"
    fi
  done
}

# Memory holds what is written: an overlay of / may not lie below /.
make_files() {
  mount -t tmpfs tmpfs "$PLACE"
  mkdir "$PLACE/upper" "$PLACE/work" "$root"
  mount -t overlay overlay -o "lowerdir=/,upperdir=$PLACE/upper,workdir=$PLACE/work" "$root"
}

# A host that never heard of Berth: no agent, no Node, no npm, no compiler, no guests of this machine.
make_host() {
  local program
  rm -rf "$root"/etc/berth "$root"/var/lib/berth "$root"/var/log/berth "$root"/usr/local/bin/berth* "$root"/var/log/journal
  rm -rf "$root"/var/lib/libvirt/qemu/* "$root"/etc/libvirt/qemu/*.xml "$root"/etc/libvirt/qemu/autostart/*
  for program in node nodejs npm npx corepack cc c++ gcc g++ make; do rm -f "$root"/{usr/local/sbin,usr/local/bin,usr/sbin,usr/bin}/"$program"; done
  # dpkg's index of manual pages takes seconds.
  rm -f "$root/var/lib/man-db/auto-update"
  # Nor is there a network to fetch packages from: reading all that could be fetched costs Ansible a second for each look at what is installed.
  rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/*.bin
  tr -d - </proc/sys/kernel/random/uuid >"$root/etc/machine-id"
  echo "$NAME" >"$root/etc/hostname"
  printf '127.0.0.1 localhost\n127.0.1.1 %s\n' "$NAME" >"$root/etc/hosts"
  # Container images forbid packages to start services.
  rm -f "$root/usr/sbin/policy-rc.d"
  # Of the services that this machine would start, libvirt's alone.
  find "$root"/etc/systemd/system -path '*.wants/*' ! -name '*virt*' -delete
  # A guest without an operating system never hears the power button that libvirt-guests presses for five minutes.
  printf 'ON_SHUTDOWN=shutdown\nSHUTDOWN_TIMEOUT=2\n' >>"$root/etc/default/libvirt-guests"
  # Of cgroups of the first version nspawn leaves all but systemd's own read-only, and libvirt puts its guests into them.
  mkdir -p "$root/etc/systemd/system/libvirtd.service.d"
  printf '[Service]\nExecStartPre=-/bin/sh -c "for each in /sys/fs/cgroup/*/; do mount -o remount,bind,rw $$each; done"\n' \
    >"$root/etc/systemd/system/libvirtd.service.d/cgroups.conf"
  sed -i '/^berth/d' "$root"/etc/passwd "$root"/etc/shadow "$root"/etc/group "$root"/etc/gshadow
}

boot() {
  local code
  while :; do
    code=0
    systemd-nspawn --quiet --machine="$NAME" --directory="$root" --register=no --keep-unit --private-network --capability=all \
      --bind=/dev/net/tun --link-journal=no --timezone=off --console=pipe --boot </dev/null || code=$?
    # 133: the host asked to be started again.
    [ $code = 133 ] || exit $code
  done
}

own_cgroups
make_files
make_host
boot
