# shellcheck shell=bash
# Which QEMU the hosts of a lab have. Before 9.0, QEMU's emulation forgets writes of the guest while its memory is sent (the part of
# cpu_physical_memory_sync_dirty_bitmap that goes by whole words leaves the writable entries of the TLB as they are), so that a guest that
# moves comes with old pages and its kernel dies sooner or later. Hosts between which guests move get a newer one, from the backports
# of this machine's release, over their own /usr; nothing is installed. Needs common.sh and packages.sh.

# The newest file wins where two packages have the same.
NEWER_QEMU_PACKAGES=(qemu-system-x86 qemu-system-common qemu-system-data seabios)

qemu_moves_guests() { [ "$(qemu-system-x86_64 --version | sed -n 's/^QEMU emulator version \([0-9]*\).*/\1/p')" -ge 9 ]; }

# newer_qemu: the folders to lay over /usr, parted by colons; empty when this machine's QEMU will do
newer_qemu() {
  local suite package folders=()
  if qemu_moves_guests; then return; fi
  suite=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")-backports
  for package in "${NEWER_QEMU_PACKAGES[@]}"; do folders+=("$(unpacked_from "$suite" "$package")/usr"); done
  (IFS=: && echo "${folders[*]}")
}
