// swarmctl completion: the scripts that shells load.
#include "command.h"

namespace swarm::ctl {
namespace {

// Bash splits words at = and : which flags contain, so the words are taken from the line and what
// bash has split off is cut from the answers.
constexpr const char* kBash =
    R"sh(# swarmctl completion for bash. Load it: source <(swarmctl completion bash)
_swarmctl() {
  local line words word reply file prefix
  line=${COMP_LINE:0:COMP_POINT}
  read -ra words <<< "$line"
  [[ $line == *[[:space:]] ]] && words+=("")
  word=${words[-1]}
  COMPREPLY=()
  while IFS= read -r reply; do
    if [[ $reply == :files ]]; then
      file=1
    else
      COMPREPLY+=("${reply%%$'\t'*}")
    fi
  done < <("${words[0]}" __complete "${words[@]:1}" 2> /dev/null)
  if [[ -n $file ]]; then
    compopt -o filenames 2> /dev/null
    mapfile -t COMPREPLY < <(compgen -f -- "${COMP_WORDS[COMP_CWORD]#=}")
    return
  fi
  prefix=${word%"${word##*[=:]}"}
  if [[ -n $prefix && $COMP_WORDBREAKS == *[=:]* ]]; then
    COMPREPLY=("${COMPREPLY[@]#"$prefix"}")
  fi
}
complete -F _swarmctl swarmctl
)sh";

constexpr const char* kZsh = R"sh(#compdef swarmctl
# swarmctl completion for zsh. Load it: source <(swarmctl completion zsh)
_swarmctl() {
  local reply file
  local -a candidates
  while IFS= read -r reply; do
    if [[ $reply == :files ]]; then
      file=1
    else
      # A colon would end the candidate: what _describe shows after it is the description.
      candidates+=("${${reply%%$'\t'*}//:/\\:}:${reply#*$'\t'}")
    fi
  done < <("${words[1]}" __complete "${(@)words[2,CURRENT]}" 2> /dev/null)
  if [[ -n $file ]]; then
    _files
  else
    _describe swarmctl candidates
  fi
}
compdef _swarmctl swarmctl
)sh";

constexpr const char* kFish =
    R"sh(# swarmctl completion for fish. Load it: swarmctl completion fish | source
function __swarmctl_complete
    set -l words (commandline -opc) (commandline -ct)
    for reply in ($words[1] __complete $words[2..-1] 2> /dev/null)
        if test "$reply" = :files
            __fish_complete_path (commandline -ct)
        else
            echo $reply
        end
    end
end
complete -c swarmctl -f -a '(__swarmctl_complete)'
)sh";

Command Script(std::string shell, const char* text) {
  const std::string summary = "Generate the autocompletion script for " + shell;
  return {std::move(shell), {}, "", summary, {}, {}, [text](Invocation& run) {
            run.out += text;
            return Status::Ok();
          }};
}

}  // namespace

Command CompletionCommands() {
  Command out{"completion", {},
              "",           "Generate the autocompletion script for the specified shell",
              {},           {Script("bash", kBash), Script("fish", kFish), Script("zsh", kZsh)},
              nullptr};
  out.about =
      "Commands, flags and the names of objects are completed, those of the manager that -s or\n"
      "SWARM_SOCKET names. For every new shell:\n"
      "  bash  swarmctl completion bash > /etc/bash_completion.d/swarmctl\n"
      "  fish  swarmctl completion fish > ~/.config/fish/completions/swarmctl.fish\n"
      "  zsh   swarmctl completion zsh > \"${fpath[1]}/_swarmctl\"";
  return out;
}

}  // namespace swarm::ctl
