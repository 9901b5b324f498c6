#!/usr/bin/env bash
# lab-newer-qemu.sh FOLDERS: inside a lab host: the files of another QEMU's packages (folders parted by colons) lie over those of /usr.
set -euo pipefail
folders=$1

mount -t overlay -o "ro,lowerdir=$folders:/usr" overlay /usr
# One build loads no modules of another, and dies of it.
for folder in ${folders//:/ }; do
  for modules in "$folder"/lib/*/qemu; do [ ! -d "$modules" ] || mount --bind "$modules" "/usr${modules#"$folder"}"; done
done
