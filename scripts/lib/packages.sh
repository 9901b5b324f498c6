# shellcheck shell=bash
# Debian packages: installs only what is missing, in one go; fetches packages to unpack without installing them.
# Needs common.sh.
# shellcheck disable=SC2034

# What the agent needs on a host.
RUNTIME_PACKAGES=(libvirt-daemon-system libvirt-clients qemu-system-x86 qemu-utils 'genisoimage|xorriso' iproute2 nftables iptables
  dnsmasq-base xz-utils gzip openssl ovmf tini util-linux procps curl ca-certificates)
# What only some machines need: a TPM (osType Windows). A host without them says so.
OPTIONAL_PACKAGES=(swtpm swtpm-tools)
LAB_PACKAGES=("${RUNTIME_PACKAGES[@]}" "${OPTIONAL_PACKAGES[@]}")
# What npm needs to compile better-sqlite3.
BUILD_PACKAGES=(make g++ python3)
# What the guest image is made with.
IMAGE_PACKAGES=(kmod cpio binutils mtools dosfstools gdisk qemu-utils e2fsprogs xz-utils)
# What the tests use besides. ansible is large (17 MB to fetch, 260 MB on the disk, half a minute): kubernetes.core comes in no smaller package.
TEST_PACKAGES=(libvirt-dev git genisoimage 'busybox|busybox-static' openssh-client strace bsdutils python3-kubernetes ansible
  systemd-container python3-apt)

# Packages may start daemons, so our locks stay out; apt and dpkg have their own. An operator's changed configuration file is kept.
apt() {
  (
    forget_locks
    exec env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 -o APT::Sandbox::User=root -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold "$@"
  )
}

# apt_update: unlike `install`, `update` does not wait for its lock, and a fresh machine is often busy with an update of its own.
apt_update() {
  local output try
  for try in {1..60}; do
    if output=$(apt update 2>&1); then
      echo "$output"
      return
    fi
    case $output in *'Could not get lock'*) sleep 5 ;; *) break ;; esac
  done
  echo "$output"
  return 1
}

# An installation that was cut off leaves dpkg with work half done; nothing can be installed before that is finished.
finish_interrupted() {
  (
    forget_locks
    exec env DEBIAN_FRONTEND=noninteractive dpkg --force-confdef --force-confold --configure -a
  )
  apt install --fix-broken
}

# need_packages NAME...: "a|b" is satisfied by either, and installs the first
need_packages() {
  local missing=() choice name found installed
  command -v dpkg-query >/dev/null || fail 'this is no Debian: dpkg is missing. Berth is tried on Debian 12 and 13'
  installed=$(dpkg-query -W -f '${binary:Package} ${db:Status-Status}\n' | sed -n 's/^\([^ :]*\)\(:[^ ]*\)\{0,1\} installed$/ \1 /p')
  for choice; do
    found=
    for name in ${choice//|/ }; do case $installed in *" $name "*) found=1 ;; esac; done
    [ -n "$found" ] || missing+=("${choice%%|*}")
  done
  if [ ${#missing[@]} != 0 ]; then install_packages "${missing[@]}"; fi
}

install_packages() {
  need_root
  local log
  log=$(mktemp)
  say "installing Debian packages: $*"
  if [ -n "$(dpkg --audit)" ]; then run_logged "$log" finish_interrupted; fi
  run_logged "$log" apt_update
  run_logged "$log" apt install --no-install-recommends "$@"
  rm -f "$log"
}

# unpacked NAME: prints the folder with the files of a Debian package of this release, fetched once and not installed
unpacked() {
  local folder
  folder=$CACHE/debs/$(. /etc/os-release && echo "${VERSION_ID:-$VERSION_CODENAME}")
  if [ ! -d "$folder/$1" ]; then with_lock "$folder/lock" unpack "$folder" "$1"; fi
  echo "$folder/$1"
}

unpack() {
  [ ! -d "$1/$2" ] || return 0
  local work
  find "$1" -maxdepth 1 -name '.new.*' -exec rm -rf {} +
  work=$(mktemp -d "$1/.new.XXXXXX")
  say "fetching Debian package $2"
  if ! (cd "$work" && apt download "$2" >log 2>&1); then
    run_logged "$work/log" apt_update
    (cd "$work" && run_logged log apt download "$2")
  fi
  dpkg-deb -x "$work"/*.deb "$work/files"
  chmod 755 "$work/files"
  mv -T "$work/files" "$1/$2"
  rm -rf "$work"
}

# unpacked_from SUITE NAME: as unpacked, of the named Debian release, by lists of its own: nothing of this machine's apt changes
unpacked_from() {
  local folder=$CACHE/debs/$1
  if [ "$(. /etc/os-release && echo "${VERSION_CODENAME:-}")" = "$1" ]; then
    unpacked "$2"
    return
  fi
  if [ ! -d "$folder/$2" ]; then with_lock "$folder/lock" unpack_from "$folder" "$1" "$2"; fi
  echo "$folder/$2"
}

unpack_from() {
  [ ! -d "$1/$3" ] || return 0
  local work
  work=$(mktemp -d "$1/.new.XXXXXX")
  mkdir -p "$work/lists/partial"
  printf 'Types: deb\nURIs: %s\nSuites: %s\nComponents: main\nSigned-By: /usr/share/keyrings/debian-archive-keyring.gpg\n' \
    "$(debian_mirror)" "$2" >"$work/release.sources"
  local own=(-o "Dir::Etc::SourceList=$work/release.sources" -o Dir::Etc::SourceParts=/dev/null -o "Dir::State::Lists=$work/lists"
    -o Dir::State::status=/dev/null -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= -o Acquire::Languages=none)
  say "fetching $3 of Debian $2"
  run_logged "$work/log" apt "${own[@]}" update
  (cd "$work" && run_logged log apt "${own[@]}" download "$3")
  dpkg-deb -x "$work"/*.deb "$work/files"
  chmod 755 "$work/files"
  mv -T "$work/files" "$1/$3"
  rm -rf "$work"
}

# The mirror that this machine uses already, where it is one of Debian's.
debian_mirror() {
  local found
  found=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources 2>/dev/null |
    grep -v '^ *#' | grep -oE 'https?://[^ ]+/debian/?( |$)' | head -n 1 | tr -d ' ') || true
  echo "${found:-http://deb.debian.org/debian}"
}
