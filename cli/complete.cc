#include "cli/complete.h"

#include <fmt/core.h>

#include <utility>

#include "cli/exit_code.h"
#include "cli/terminal.h"
#include "core/ids.h"
#include "core/text.h"
#include "core/time.h"
#include "sdk/operator_client.h"

namespace shoal::cli {
namespace {

constexpr core::Duration kPatience = std::chrono::milliseconds(500);  // somebody waits at a TAB
constexpr std::size_t kMostIds = 2000;

constexpr std::string_view kBash = R"(# shoal completion for bash:  source <(shoal completion bash)
_shoal() {
  local line=${COMP_LINE:0:COMP_POINT} words=() front='' word about files=
  COMPREPLY=()
  # COMP_WORDS would take --flag=value and HOST:PORT apart. What stands before such a mark stays.
  read -ra words <<<"$line"
  if [[ $line == *[[:blank:]] ]]; then words+=(''); fi
  word=${words[${#words[@]} - 1]}
  if [[ $COMP_WORDBREAKS == *=* && $word == *=* ]]; then front=${word%"${word##*=}"}; fi
  while IFS=$'\t' read -r word about; do
    if [[ $word == :files ]]; then files=1; else COMPREPLY+=("${word#"$front"}"); fi
  done < <("${1/#\~/$HOME}" __complete "${words[@]:1}" 2>/dev/null)
  if [[ -n $files && ${#COMPREPLY[@]} -eq 0 ]]; then compopt -o default 2>/dev/null; fi
  return 0
}
complete -F _shoal shoal
)";

constexpr std::string_view kZsh = R"(#compdef shoal
# shoal completion for zsh:  source <(shoal completion zsh), or as _shoal in a folder of $fpath
_shoal() {
  local -a described
  local line word files=
  for line in "${(@f)$(${~words[1]} __complete "${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
    [[ -z $line ]] && continue
    word=${line%%$'\t'*}
    if [[ $word == :files ]]; then files=1; else described+=("${word//:/\\:}:${line#*$'\t'}"); fi
  done
  if (( $#described )); then
    _describe shoal described
  elif [[ -n $files ]]; then
    _files
  fi
}
if [[ $funcstack[1] == _shoal ]]; then _shoal "$@"; else compdef _shoal shoal; fi
)";

constexpr std::string_view kFish = R"(# shoal completion for fish:  shoal completion fish | source
function __shoal_complete
    set -l before (commandline -opc)
    set -l current (commandline -ct)
    for line in ($before[1] __complete $before[2..-1] "$current" 2>/dev/null)
        if string match -q -r '^:files' -- $line
            __fish_complete_path "$current"
        else
            echo $line
        end
    end
end
complete -c shoal -f -a '(__shoal_complete)'
)";

// A shell puts candidates into its line as they are: nothing that it would interpret.
bool is_safe(std::string_view word) {
  constexpr std::string_view kSafe =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._/-:@+,=";
  return !word.empty() && word.find_first_not_of(kSafe) == std::string_view::npos;
}

std::vector<Candidate> candidates_of(const core::ClusterView& view, core::QueryKind kind) {
  std::vector<Candidate> found;
  switch (kind) {
    case core::QueryKind::kAgents:
      for (const auto& agent : view.agents) {
        found.push_back({core::to_string(agent.id), agent.hostname});
      }
      break;
    case core::QueryKind::kFrameworks:
      for (const auto& framework : view.frameworks) {
        found.push_back({core::to_string(framework.id), framework.name});
      }
      break;
    case core::QueryKind::kTasks:
      for (const auto& task : view.tasks) found.push_back({task.id, task.hostname});
      break;
    case core::QueryKind::kOffers:
      for (const auto& offer : view.offers) {
        found.push_back({core::to_string(offer.id), offer.hostname});
      }
      break;
    case core::QueryKind::kRoles:
      for (const auto& role : view.roles) found.push_back({role.name, ""});
      break;
    case core::QueryKind::kCluster:
      break;
  }
  return found;
}

void add_ids(Completion& completion, std::string_view begun) {
  const core::QueryKind kind = *completion.ids;
  auto client = sdk::OperatorClient::create(completion.master, kPatience);
  if (!client.ok()) return;
  const auto view = (*client)->query(kind);
  if (!view.ok()) return;
  std::size_t left = kMostIds;
  for (Candidate& candidate : candidates_of(*view, kind)) {
    if (!candidate.word.starts_with(begun) || !is_safe(candidate.word)) continue;
    if (left-- == 0) break;
    candidate.word.insert(0, completion.front);
    completion.candidates.push_back(std::move(candidate));
  }
}

}  // namespace

int run_complete(const std::vector<std::string>& words, std::string_view default_master,
                 const SettingsSources& sources) {
  Completion completion = complete(words, default_master, sources);
  if (completion.ids.has_value()) {
    std::string_view begun = words.empty() ? std::string_view() : words.back();
    if (begun.starts_with(completion.front)) begun.remove_prefix(completion.front.size());
    add_ids(completion, begun);
  }
  std::string text;
  for (const auto& [word, about] : completion.candidates) {
    text += fmt::format("{}\t{}\n", word, core::printable(about, 80));
  }
  if (completion.files) text += ":files\t\n";
  print_output(text);
  return kExitOk;
}

std::string completion_script(std::string_view shell) {
  if (shell == "bash") return std::string(kBash);
  if (shell == "zsh") return std::string(kZsh);
  if (shell == "fish") return std::string(kFish);
  return "";
}

}  // namespace shoal::cli
