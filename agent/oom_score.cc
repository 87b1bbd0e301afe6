#include "agent/oom_score.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <string_view>

#include "agent/proc_file.h"
#include "agent/supervisor/record.h"
#include "agent/unique_fd.h"
#include "core/text.h"

namespace shoal::agent {

namespace {

constexpr char kFile[] = "/proc/self/oom_score_adj";
constexpr int kAboveTheAgent = 100;
constexpr int kMostOomScore = 1000;

}  // namespace

int own_oom_score() {
  const std::string text = read_proc_file(kFile);
  int score = 0;
  (void)core::parse_int(std::string_view(text).substr(0, text.find('\n')), &score);
  return score;  // 0, the usual one, when it cannot be read
}

bool protect_from_oom() {
  if (own_oom_score() != 0) return true;
  const UniqueFd file(::open(kFile, O_WRONLY | O_CLOEXEC));
  const std::string text = std::to_string(kProtectedOomScore);
  return file.valid() &&
         ::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

std::string oom_setting_of(int own) {
  const int score = own < 0 ? 0 : std::min(own + kAboveTheAgent, kMostOomScore);
  return fmt::format("{}{}", kOomSetting, score);
}

}  // namespace shoal::agent
