// Reads server-sent events (WHATWG HTML, 9.2.6), of which it needs id, event and data.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace shoal::cli {

struct StreamedEvent {
  std::string id;    // the last that was said; may be empty
  std::string type;  // "task"
  std::string data;
};

class EventStream {
 public:
  explicit EventStream(std::function<void(const StreamedEvent& event)> on_event)
      : on_event_(std::move(on_event)) {}

  // The next bytes. Errors: RESOURCE_EXHAUSTED (a line or an event over 1 MiB).
  absl::Status feed(std::string_view bytes);
  // Where to come back; empty: nothing was said.
  const std::string& last_id() const { return last_id_; }

 private:
  void take_line(std::string_view line);

  std::function<void(const StreamedEvent& event)> on_event_;
  std::string line_;  // that has not ended yet
  std::string type_;
  std::string data_;
  std::string last_id_;
};

}  // namespace shoal::cli
