// Completion of a command line in a shell. The script of a shell asks `shoal __complete WORDS…` at
// every TAB: what may be written follows from the flags themselves.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/settings_load.h"
#include "core/messages.h"

namespace shoal::cli {

struct Candidate {
  std::string word;
  std::string about;  // one line; may be empty
};

// What may stand in place of the last word.
struct Completion {
  std::vector<Candidate> candidates;
  bool files = false;                  // names of files too
  std::optional<core::QueryKind> ids;  // ids of these too, after `front`
  std::string front;                   // what of the last word stays: "--framework="
  std::string master;                  // of `ids`: whom to ask
};

// `words` are those after the program's name, up to and with the one that is being written (""
// when it has not begun). Asks no master.  (flags_complete.cc)
Completion complete(const std::vector<std::string>& words, std::string_view default_master,
                    const SettingsSources& sources);

// Prints "WORD<tab>ABOUT" lines, and ":files" when names of files fit too. Asks the master for ids,
// and says nothing where none answers soon. Always kExitOk.
int run_complete(const std::vector<std::string>& words, std::string_view default_master,
                 const SettingsSources& sources);

// The script for "bash", "zsh" or "fish"; "" for another shell.
std::string completion_script(std::string_view shell);

}  // namespace shoal::cli
