# network-config version 2 -> one order per line: name NIC | mac MAC | address A/LEN | route TO VIA | dns IP | dhcp
function indent(line) { match(line, /[^ ]/); return RSTART }
function bare(text) { gsub(/[]["' \t{}]/, "", text); return text }
function each(word, list,   parts, count, i) {
  count = split(list, parts, ",")
  for (i = 1; i <= count; i++) if (bare(parts[i]) != "") print word, bare(parts[i])
}
/^ *#/ || /^ *$/ { next }
/^ *ethernets:/ { base = indent($0); level = 0; next }
!base { next }
{
  here = indent($0)
  if (here <= base) { base = 0; next }
  if (!level) level = here
  text = $0
  sub(/ +#.*/, "", text)
  if (here == level) { key = text; sub(/:.*/, "", key); print "name", bare(key); list = ""; next }
  # Lists go on over "- item" lines until the next key.
  if (text ~ /^ *- *[^:]*$/ || (list != "" && list != "route" && text ~ /^ *- /)) {
    sub(/^ *- */, "", text)
    if (list != "") print list, bare(text)
    next
  }
}
/macaddress:/ { sub(/.*macaddress: */, "", text); print "mac", tolower(bare(text)); next }
/dhcp4: *(true|yes)/ { print "dhcp"; next }
/gateway4:/ { sub(/.*gateway4: */, "", text); print "route default", bare(text); next }
/nameservers:/ { list = "dns"; dns = here; if (text ~ /\[/) { sub(/.*addresses: */, "", text); each("dns", text) } next }
/addresses:/ {
  list = (dns && here > dns) ? "dns" : "address"
  if (list == "address") dns = 0
  if (text ~ /\[/) { sub(/.*addresses: */, "", text); each(list, text) }
  next
}
/routes:/ { list = "route"; next }
list == "route" {
  if (text ~ /to:/) { to = text; sub(/.*to: */, "", to); sub(/,.*/, "", to); to = bare(to) }
  if (text ~ /via:/) { via = text; sub(/.*via: */, "", via); sub(/,.*/, "", via); via = bare(via) }
  if (to != "" && via != "") { print "route", (to == "0.0.0.0/0" ? "default" : to), via; to = via = "" }
}
