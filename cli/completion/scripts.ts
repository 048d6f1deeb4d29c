/** The shells that a script can be had for. */
export const SHELLS = ["bash", "zsh"] as const;

export type Shell = (typeof SHELLS)[number];

// The line up to the cursor goes to the program, and not the words of the shell: bash divides words at `:` and `=`.
const BASH = `# Completion of wa-vault for bash. In ~/.bashrc: source <(wa-vault completion bash)
_wa_vault() {
  local found line=\${COMP_LINE:0:COMP_POINT} word=\${COMP_WORDS[COMP_CWORD]}
  COMPREPLY=()
  while IFS=$'\\t' read -r found _; do
    [[ -n $found && $found == "$word"* ]] && COMPREPLY+=("$found")
  done < <("\${COMP_WORDS[0]}" complete -- "$line" 2>/dev/null)
}
complete -o default -F _wa_vault wa-vault
`;

const ZSH = `#compdef wa-vault
# Completion of wa-vault for zsh. In ~/.zshrc, after compinit: source <(wa-vault completion zsh)
_wa_vault() {
  local line
  local -a found
  for line in "\${(@f)$("\${words[1]}" complete -- "\${(j: :)words[1,CURRENT-1]} $PREFIX" 2>/dev/null)}"; do
    [[ -n $line ]] && found+=("\${\${line//:/\\\\:}/$'\\t'/:}")
  done
  if (( \${#found} )); then
    _describe wa-vault found
  else
    _files
  fi
}
compdef _wa_vault wa-vault
`;

/** What a shell reads to complete lines of this program. */
export const SCRIPTS: Readonly<Record<Shell, string>> = { bash: BASH, zsh: ZSH };
