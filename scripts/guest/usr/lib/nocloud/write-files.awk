# write_files of a #cloud-config: path, content (plain, quoted, | or >), permissions, append, encoding b64.
function indent(line) { return match(line, /[^ ]/) ? RSTART : 0 }
function bare(text) { gsub(/^["']|["'] *$/, "", text); return text }
function quoted(text) { gsub(/'/, "'\\''", text); return "'" text "'" }
function flush(   folder, target) {
  if (path != "") {
    folder = path
    sub(/\/[^\/]*$/, "", folder)
    if (folder != "") system("mkdir -p " quoted(folder))
    target = (encoding ~ /^b(ase)?64$/) ? "base64 -d " : "cat "
    target = target (append == "true" ? ">>" : ">") " " quoted(path)
    printf "%s", content | target
    close(target)
    if (mode != "") system("chmod " quoted(mode) " " quoted(path))
  }
  path = content = mode = append = encoding = ""
  block = 0
}
/^[a-z_]+:/ { if (inside) flush(); inside = /^write_files:/; item = 0; next }
!inside { next }
block {
  here = indent($0)
  if (here == 0 || here > key) {
    if (!strip && here) strip = here
    content = content (strip ? substr($0, strip) : "") "\n"
    next
  }
  block = 0
}
/^ *(#.*)?$/ { next }
{
  here = indent($0)
  line = $0
  if (line ~ /^ *- /) {
    if (!item) item = here
    if (here == item) flush()
    sub(/- /, "  ", line)
  }
  key = indent(line)
  name = line; sub(/^ */, "", name); sub(/:.*/, "", name)
  value = line; sub(/^ *[a-z]+: */, "", value)
  if (name == "path") path = bare(value)
  else if (name == "permissions") mode = bare(value)
  else if (name == "append") append = bare(value)
  else if (name == "encoding") encoding = bare(value)
  else if (name == "content") {
    if (value ~ /^[|>]/) { block = 1; strip = 0 } else content = bare(value)
  }
}
END { if (inside) flush() }
