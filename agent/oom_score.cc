#include "agent/oom_score.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "agent/supervisor/record.h"
#include "agent/unique_fd.h"

namespace shoal::agent {

namespace {

constexpr char kFile[] = "/proc/self/oom_score_adj";
constexpr int kAboveTheAgent = 100;
constexpr int kMostOomScore = 1000;

}  // namespace

int own_oom_score() {
  const UniqueFd file(::open(kFile, O_RDONLY | O_CLOEXEC));
  char text[16] = {};
  if (!file.valid() || ::read(file.get(), text, sizeof(text) - 1) <= 0) return 0;
  return std::atoi(text);
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
