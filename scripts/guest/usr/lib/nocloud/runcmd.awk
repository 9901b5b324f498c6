# runcmd of a #cloud-config -> a shell script. Items: "- text", "- [a, 'b c']", "- |" with a block, "- - a" with one argument per line.
function indent(line) { return match(line, /[^ ]/) ? RSTART : 0 }
function trim(text) { gsub(/^[ \t]+|[ \t]+$/, "", text); return text }
function bare(text) {
  text = trim(text)
  if (text ~ /^".*"$/) { text = substr(text, 2, length(text) - 2); gsub(/\\"/, "\"", text); gsub(/\\\\/, "\\", text) }
  else if (text ~ /^'.*'$/) { text = substr(text, 2, length(text) - 2); gsub(/''/, "'", text) }
  return text
}
function quoted(text) { gsub(/'/, "'\\''", text); return "'" text "'" }
# The arguments of a flow list, one shell word each; commas inside quotes do not separate.
function words(text,   i, char, quote, word, out) {
  sub(/^\[/, "", text); sub(/\] *$/, "", text)
  for (i = 1; i <= length(text); i++) {
    char = substr(text, i, 1)
    if (quote != "") { if (char == quote) quote = "" }
    else if ((char == "\"" || char == "'") && trim(word) == "") quote = char
    if (char == "," && quote == "") { out = out quoted(bare(word)) " "; word = "" } else word = word char
  }
  return trim(word) == "" ? out : out quoted(bare(word))
}
function flush() {
  if (kind == "flow") print words(text)
  else if (kind != "" && text != "") print (kind == "plain" ? bare(text) : text)
  kind = text = ""
}
/^[a-z_]+:/ { flush(); inside = /^runcmd:/; item = 0; next }
!inside { next }
kind == "block" {
  here = indent($0)
  if (here == 0 || here > item) { if (!strip && here) strip = here; text = text (text == "" ? "" : "\n") substr($0, strip); next }
}
/^ *(#.*)?$/ { next }
{
  here = indent($0)
  if (!item && $0 ~ /^ *-/) item = here
  if ($0 ~ /^ *- / && here == item) {
    flush()
    value = $0; sub(/^ *- +/, "", value)
    if (value ~ /^[|>]/) { kind = "block"; strip = 0 }
    else if (value ~ /^\[/) { kind = "flow"; text = value }
    else if (value ~ /^- /) { kind = "args"; text = quoted(bare(substr(value, 3))) }
    else { kind = "plain"; text = value }
    next
  }
  value = trim($0)
  if (kind == "args" && value ~ /^- /) text = text " " quoted(bare(substr(value, 3)))
  else if (kind == "flow" || kind == "plain") text = text " " value
}
END { flush() }
