/** Completion scripts: thin, since the program itself knows verbs, options, kinds and names. */
export const shells = ["bash", "zsh", "fish"] as const;

export type Shell = (typeof shells)[number];

const SCRIPTS: Readonly<Record<Shell, string>> = {
  bash: `# tutti completion for bash: source <(tutti completion bash)
_tutti() {
  local IFS=$'\\n' words=() current
  # ':' and '=' split words for bash, not for us.
  if declare -F _get_comp_words_by_ref >/dev/null; then
    local cur prev cword
    _get_comp_words_by_ref -n := cur words cword
    words=("\${words[@]:1:cword}")
  else
    words=("\${COMP_WORDS[@]:1:COMP_CWORD}")
  fi
  current="\${words[\${#words[@]}-1]}"
  COMPREPLY=($("\${COMP_WORDS[0]}" completion words -- "\${words[@]}" 2>/dev/null))
  if [[ \${#COMPREPLY[@]} -eq 0 ]]; then
    COMPREPLY=($(compgen -f -- "$current"))
    compopt -o filenames 2>/dev/null
  fi
}
complete -F _tutti tutti ./tutti
`,
  zsh: `#compdef tutti
# tutti completion for zsh: tutti completion zsh > "\${fpath[1]}/_tutti"
_tutti() {
  local -a candidates
  candidates=(\${(f)"$("\${words[1]}" completion words -- "\${(@)words[2,CURRENT]}" 2>/dev/null)"})
  if (( \${#candidates} )); then
    compadd -a candidates
  else
    _files
  fi
}
if [ "$funcstack[1]" = "_tutti" ]; then _tutti "$@"; else compdef _tutti tutti; fi
`,
  fish: `# tutti completion for fish: tutti completion fish > ~/.config/fish/completions/tutti.fish
function __tutti_candidates
    set -l words (commandline -opc) (commandline -ct)
    $words[1] completion words -- $words[2..-1] 2>/dev/null
end
complete -c tutti -a '(__tutti_candidates)'
`,
};

export function completionScript(shell: Shell): string {
  return SCRIPTS[shell];
}
