# shellcheck shell=bash
# Names and addresses of one lab. Everything carries the run id, a short hash of the lab's folder, so that two labs live side by
# side and leftovers are found by name. Needs common.sh.
# shellcheck disable=SC2034

# lab_open DIR: sets LAB, RUN, BRIDGE, SOCKETS; makes nothing
lab_open() {
  [ -n "$1" ] || fail 'which lab? --dir DIR'
  LAB=$(realpath -m -- "$1")
  case $LAB/ in /run/* | /var/run/* | /proc/* | /sys/*) fail "a lab cannot be in $LAB: its hosts have their own /run" ;; esac
  RUN=$(printf %s "$LAB" | sha256sum | cut -c1-6)
  BRIDGE=bl$RUN
  # Sockets need short paths (107 bytes), whatever the lab's folder is.
  SOCKETS=$(memory_folder)/berth-lab-$RUN
}

# memory_folder: /run, or where that is on a disk another folder in memory. libvirt writes a guest's state through to /run whenever it stops
# or runs: on real hosts that costs nothing.
memory_folder() {
  local folder
  for folder in /run /dev/shm; do
    if [ "$(stat -f -c %T "$folder" 2>/dev/null)" = tmpfs ]; then
      echo "$folder"
      return
    fi
  done
  echo /run
}

# lab_subnet: the first three numbers of the lab's /24, once it is chosen
lab_subnet() { sed -n 's/^subnet=//p' "$LAB/lab.env" 2>/dev/null || true; }

host_address() { echo "$(lab_subnet).${1#h}"; }
gateway_address() { echo "$(lab_subnet).254"; }
host_dir() { echo "$LAB/hosts/$1"; }
host_netns() { echo "berth-$RUN-$1"; }
host_veth() { echo "bl$RUN$1"; }
host_cgroup() { echo "berth-$RUN-$1"; }

# hosts: the names of the hosts that this lab ever had, in order
hosts() {
  local path
  for path in "$LAB"/hosts/h*; do
    if [ -d "$path" ]; then basename "$path"; fi
  done | sort -V
}

number() {
  local a b c d
  IFS=. read -r a b c d <<<"$1"
  echo $(((a << 24) + (b << 16) + (c << 8) + d))
}

# subnet_in_use A.B.C: does a route of this machine overlap A.B.C.0/24?
subnet_in_use() {
  local want network length shift address
  want=$(number "$1.0")
  while read -r network; do
    address=${network%/*}
    length=${network#*/}
    [ "$length" != "$network" ] || length=32
    shift=$((32 - (length < 24 ? length : 24)))
    [ $(($(number "$address") >> shift)) != $((want >> shift)) ] || return 0
  done < <(ip -4 -o route show table all | sed 's/^\(broadcast\|local\|unreachable\|blackhole\|prohibit\|anycast\) //' | awk '$1 != "default" {print $1}')
  return 1
}

# choose_subnet: a free /24; starts from the run id, so that a lab tends to keep its addresses
choose_subnet() {
  local start=$((16#$RUN)) try subnet
  for try in {0..199}; do
    subnet=10.$((100 + (start / 256 + try) % 100)).$((start % 256))
    if ! subnet_in_use "$subnet"; then
      echo "$subnet"
      return
    fi
  done
  fail 'no free /24 in 10.100.0.0 to 10.199.255.0: every one overlaps a route of this machine'
}
