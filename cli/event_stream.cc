#include "cli/event_stream.h"

#include <utility>

namespace shoal::cli {
namespace {

constexpr std::size_t kMaxBytes = 1024 * 1024;

}  // namespace

absl::Status EventStream::feed(std::string_view bytes) {
  while (!bytes.empty()) {
    const std::size_t end = bytes.find('\n');
    line_ += bytes.substr(0, end);
    if (line_.size() + data_.size() > kMaxBytes) {
      return absl::ResourceExhaustedError("the master sent an event of more than 1 MiB");
    }
    if (end == std::string_view::npos) break;
    bytes.remove_prefix(end + 1);
    take_line(std::exchange(line_, {}));
  }
  return absl::OkStatus();
}

void EventStream::take_line(std::string_view line) {
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  if (line.empty()) {
    if (!data_.empty()) on_event_({last_id_, type_, data_});
    type_.clear();
    data_.clear();
    return;
  }
  const std::size_t colon = line.find(':');
  const std::string_view name = line.substr(0, colon);
  std::string_view value = colon == std::string_view::npos ? "" : line.substr(colon + 1);
  if (!value.empty() && value.front() == ' ') value.remove_prefix(1);
  if (name == "id") last_id_ = value;
  if (name == "event") type_ = value;
  if (name == "data") {
    if (!data_.empty()) data_ += '\n';
    data_ += value;
  }
}

}  // namespace shoal::cli
