# shellcheck shell=bash
# The small guest: Debian's cloud kernel, busybox and the QEMU guest agent in an initrd, on one disk that starts under BIOS
# (syslinux) and UEFI (a unified kernel image). Partition 1 is the boot partition, partition 2 is ext4 labelled "data" with an SSH
# server, which so costs those nothing who boot without it.
# The guest's own files are in scripts/guest. Needs common.sh and packages.sh.

# no_timer_check: on a busy host an emulated timer may tick too late for the kernel's check, which then panics. Fedora's own cloud
# images boot so too.
GUEST_CMDLINE='console=tty0 console=ttyS0,115200 quiet no_timer_check scsi_mod.scan=sync memhp_default_state=online_movable'

# guest_image DIR: makes DIR/guest.qcow2 unless it is there and up to date; prints its path
guest_image() {
  local out key
  end_at_interrupt
  mkdir -p "$1"
  out=$(cd "$1" && pwd -P)
  # shellcheck disable=SC2153
  key=$(cd "$ROOT/scripts" && find guest lib/guest-image.sh -type f | sort | xargs -d '\n' sha256sum | sha256sum | cut -c1-16)
  with_lock "$out/.image.lock" guest_image_locked "$out" "$key"
  echo "$out/guest.qcow2"
}

guest_image_locked() {
  local out=$1 key=$2 work
  end_at_interrupt
  if [ -s "$out/guest.qcow2" ] && [ "$(cat "$out/.guest.key" 2>/dev/null)" = "$key" ]; then return 0; fi
  [ "$(uname -m)" = x86_64 ] || fail "the guest image is made for x86_64, this is $(uname -m)"
  need_packages "${IMAGE_PACKAGES[@]}"
  need_space "$out" 400 'the guest image'
  say "building the guest image in $out"
  find "$out" -maxdepth 1 -name '.build.*' -exec rm -rf {} +
  work=$(mktemp -d "$out/.build.XXXXXX")
  # shellcheck disable=SC2064
  trap "rm -rf '${work//\'/\'\\\'\'}'" EXIT
  guest_initrd "$work"
  guest_disk "$work"
  rm -f "$out/.guest.key"
  mv -f "$work/vmlinuz" "$work/initrd.gz" "$work/guest.qcow2" "$out/"
  echo "$key" >"$out/.guest.key"
  say 'the guest image is ready'
}

# The newest cloud kernel of this release; the metapackage names it.
kernel_package() {
  local name
  name=$(apt-cache depends linux-image-cloud-amd64 2>/dev/null | awk '/Depends: linux-image/ {print $2; exit}')
  if [ -z "$name" ]; then
    run_logged "$(mktemp)" apt_update
    name=$(apt-cache depends linux-image-cloud-amd64 | awk '/Depends: linux-image/ {print $2; exit}')
  fi
  [ -n "$name" ] || fail 'apt knows no package linux-image-cloud-amd64'
  echo "$name"
}

guest_initrd() {
  local work=$1 root=$1/root kernel busybox agent version applet
  kernel=$(kernel_package)
  kernel=$(unpacked "$kernel")
  busybox=$(unpacked busybox-static)
  agent=$(unpacked qemu-guest-agent)
  version=$(basename "$(echo "$kernel"/boot/vmlinuz-*)")
  version=${version#vmlinuz-}
  mkdir -p "$root"/{bin,sbin,usr/bin,usr/sbin,proc,sys,dev,run,tmp,data,mnt,etc,root,var/log,var/run,lib64,lib/x86_64-linux-gnu}
  cp "$(find "$busybox" -name busybox -type f -perm -1 | head -n 1)" "$root/bin/busybox"
  for applet in $("$root/bin/busybox" --list); do [ -e "$root/bin/$applet" ] || ln -s busybox "$root/bin/$applet"; done
  cp -r "$ROOT/scripts/guest/." "$root/"
  chmod +x "$root"/init "$root"/etc/rc* "$root"/etc/acpi/PWRF/* "$root"/sbin/* "$root"/usr/sbin/* "$root"/usr/share/udhcpc/*
  echo 'root::19000:0:99999:7:::' >"$root/etc/shadow"
  cp "$agent/usr/sbin/qemu-ga" "$root/usr/sbin/"
  guest_libraries "$work" "$root/lib/x86_64-linux-gnu" "$root/usr/sbin/qemu-ga"
  mv "$root"/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2 "$root/lib64/"
  guest_modules "$kernel" "$version" "$root"
  (cd "$root" && find . | cpio --quiet -o -H newc -R 0:0 | gzip -5) >"$work/initrd.gz"
  cp "$kernel/boot/vmlinuz-$version" "$work/vmlinuz"
}

# guest_libraries WORK FOLDER PROGRAM...: copies the libraries of these programs, and the loader
guest_libraries() {
  local work=$1 folder=$2 library
  shift 2
  LD_LIBRARY_PATH=$work/unpacked-libraries ldd "$@" >"$work/libraries"
  if grep -q 'not found' "$work/libraries"; then fail "libraries of the guest's programs are missing here: $(grep 'not found' "$work/libraries")"; fi
  sed -n 's/^.* => \(\/.*\) (0x[0-9a-f]*)$/\1/p; s/^[[:blank:]]*\(\/lib64\/.*\) (0x[0-9a-f]*)$/\1/p' "$work/libraries" | sort -u | while read -r library; do
    cp -L "$library" "$folder/"
  done
}

# The SSH server, what scp and sftp talk to, and those of their libraries that the initrd has not.
guest_ssh() {
  local work=$1 folder=$2 server sftp packages package library
  server=$(unpacked dropbear-bin)
  sftp=$(unpacked openssh-sftp-server)
  mkdir -p "$folder/lib" "$work/unpacked-libraries"
  cp "$server/usr/sbin/dropbear" "$sftp/usr/lib/openssh/sftp-server" "$folder/"
  # Libraries that a machine without dropbear does not have.
  packages=$(apt-cache depends dropbear-bin 2>/dev/null | awk '/Depends: libtom/ {print $2}' || true)
  for package in ${packages:-libtomcrypt1 libtommath1} libgmp10; do
    library=$(unpacked "$package")
    find "$library/usr/lib" "$library/lib" -name '*.so.*' -exec cp -a {} "$work/unpacked-libraries/" \; 2>/dev/null || true
  done
  guest_libraries "$work" "$folder/lib" "$folder"/{dropbear,sftp-server}
  for library in "$work"/root/lib/x86_64-linux-gnu/* "$work"/root/lib64/*; do rm -f "$folder/lib/${library##*/}"; done
}

# The drivers named in etc/modules that this kernel has, and what they depend on; unpacked, since busybox loads plain files only.
guest_modules() {
  local kernel=$1 version=$2 root=$3 tree=$3/../kernel module file copy
  mkdir -p "$tree/lib" "$root/lib/modules/$version"
  cp -r "$(find "$kernel" -path '*/lib/modules' -type d)" "$tree/lib/"
  depmod -b "$tree" "$version"
  while read -r module; do
    # A module that this kernel does not have, or has built in, needs no file.
    modprobe -d "$tree" -S "$version" --show-depends "$module" 2>/dev/null || true
  done < <(xargs -n 1 <"$root/etc/modules") | sed -n 's/^insmod \(.*\.ko\(\.xz\)\{0,1\}\).*/\1/p' | sort -u | while read -r file; do
    copy=$root${file#"$tree"}
    mkdir -p "$(dirname "$copy")"
    case $file in
      *.xz) xz -dc "$file" >"${copy%.xz}" ;;
      *) cp "$file" "$copy" ;;
    esac
  done
  cp "$tree/lib/modules/$version"/modules.{order,builtin,builtin.modinfo} "$root/lib/modules/$version/"
  depmod -b "$root" "$version"
}

# The unified kernel image: sections are laid out behind the stub's own, on its alignment.
guest_uki() {
  local work=$1 stub=$2 align next name file args=()
  align=$((16#$(objdump -p "$stub" | awk '$1 == "SectionAlignment" {print $2}')))
  next=$(objdump -h "$stub" | awk 'NF == 7 && $1 ~ /^[0-9]+$/ {print "16#" $3 "+16#" $4}' | tail -n 1)
  printf %s "$GUEST_CMDLINE" >"$work/cmdline"
  for name in osrel cmdline linux initrd; do
    case $name in
      osrel) file=$work/root/etc/os-release ;;
      cmdline) file=$work/cmdline ;;
      linux) file=$work/vmlinuz ;;
      initrd) file=$work/initrd.gz ;;
    esac
    next=$((((next) + align - 1) / align * align))
    args+=(--add-section ".$name=$file" --change-section-vma ".$name=$next")
    next=$((next + $(stat -c %s "$file")))
  done
  objcopy "${args[@]}" "$stub" "$work/uki.efi"
}

guest_disk() {
  local work=$1 boot syslinux efi
  syslinux=$(unpacked syslinux)
  efi=$(unpacked systemd-boot-efi)
  boot=$(unpacked syslinux-common)
  guest_uki "$work" "$efi/usr/lib/systemd/boot/efi/linuxx64.efi.stub"
  truncate -s 80M "$work/esp"
  mkfs.vfat -F 32 -n ESP "$work/esp" >/dev/null
  printf 'SERIAL 0 115200\nDEFAULT linux\nPROMPT 0\nTIMEOUT 1\nLABEL linux\n KERNEL /vmlinuz\n INITRD /initrd.gz\n APPEND %s\n' \
    "$GUEST_CMDLINE" >"$work/syslinux.cfg"
  export MTOOLS_SKIP_CHECK=1
  mmd -i "$work/esp" ::/EFI ::/EFI/BOOT ::/syslinux
  mcopy -i "$work/esp" "$work/uki.efi" ::/EFI/BOOT/BOOTX64.EFI
  mcopy -i "$work/esp" "$work/vmlinuz" "$work/initrd.gz" ::/
  mcopy -i "$work/esp" "$work/syslinux.cfg" ::/syslinux/syslinux.cfg
  # syslinux hands the path to mtools unquoted, so it sees a plain name.
  (cd "$work" && "$syslinux/usr/bin/syslinux" --directory /syslinux --install esp)
  truncate -s 30M "$work/data"
  guest_ssh "$work" "$work/data-files/ssh"
  mkfs.ext4 -q -L data -d "$work/data-files" "$work/data"
  truncate -s 128M "$work/disk"
  sgdisk -n1:2048:+80M -t1:ef00 -A1:set:2 -n2:0:+30M -t2:8300 "$work/disk" >/dev/null
  dd if="$work/esp" of="$work/disk" bs=1M seek=1 conv=notrunc,sparse status=none
  dd if="$work/data" of="$work/disk" bs=1M seek=81 conv=notrunc,sparse status=none
  dd if="$boot/usr/lib/syslinux/mbr/gptmbr.bin" of="$work/disk" bs=440 count=1 conv=notrunc status=none
  qemu-img convert -f raw -O qcow2 "$work/disk" "$work/guest.qcow2"
}
