#!/usr/bin/env bash
# lab-unlocked-qemu.sh FOLDER: inside a lab host: QEMU takes no locks on disks that it is started with (`locking=off`), so that nothing but
# Berth keeps a second writer away. libvirt has no setting for it: its QEMU is a script that changes the arguments.
set -euo pipefail
folder=$1
qemu=/usr/bin/qemu-system-x86_64

mkdir -p "$folder"
# Beside the script: QEMU finds its firmware from where it lies.
cmp -s "$qemu" "$folder/qemu-system-x86_64-real" || cp -L "$qemu" "$folder/qemu-system-x86_64-real"
cat >"$folder/qemu-system-x86_64" <<'Q'
#!/bin/bash
args=()
for arg; do args+=("${arg//'{"driver":"file",'/'{"driver":"file","locking":"off",'}"); done
exec -a /usr/bin/qemu-system-x86_64 /usr/bin/qemu-system-x86_64-real "${args[@]}"
Q
chmod 755 "$folder/qemu-system-x86_64"
mount -t overlay -o "ro,lowerdir=$folder:/usr/bin" overlay /usr/bin
