// What `berth completion SHELL` prints: a few lines for the shell, which ask `berth __complete` for everything.

export const SHELLS = ['bash', 'zsh', 'fish'] as const
export type Shell = (typeof SHELLS)[number]

/** Where nothing is found, file names are offered. */
const BASH = `# Completion of berth in bash: source <(berth completion bash)
_berth() {
  local IFS=$'\\n'
  COMPREPLY=($("$1" __complete "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o default -F _berth berth
`

const ZSH = `#compdef berth
# Completion of berth in zsh: source <(berth completion zsh), after compinit
_berth() {
  local -a found
  found=("\${(@f)$("\${words[1]}" __complete "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ -n "\${found[1]}" ]]; then
    compadd -- "\${found[@]}"
  else
    _files
  fi
}
# Read as a file of fpath, this is the function's own first call.
if [[ "\${funcstack[1]:-}" == _berth ]]; then _berth; else compdef _berth berth; fi
`

const FISH = `# Completion of berth in fish: berth completion fish | source
function __berth_complete
  set -l words (commandline -opc) (commandline -ct)
  $words[1] __complete $words[2..-1] 2>/dev/null
end
complete -c berth -f -a '(__berth_complete)'
complete -c berth -s f -l filename -r -F
complete -c berth -l kubeconfig -r -F
complete -c berth -l socket -r -F
complete -c berth -l ca -r -F
`

export const SCRIPTS: Readonly<Record<Shell, string>> = { bash: BASH, zsh: ZSH, fish: FISH }
