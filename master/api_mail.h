// What the operator API's parts on different reactors tell each other, by mailbox.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "core/cluster_view.h"
#include "core/page.h"

namespace shoal::master {

// What is written of each record.
enum class RecordShape : std::uint8_t { kWhole, kQuota, kWeight };

// A question for a shard's next records. PagePart is the answer.
struct PageAsk {
  std::uint32_t origin = 0;  // the reactor that asks
  std::uint64_t read = 0;    // names the read there
  core::PageQuery query;
  RecordShape shape = RecordShape::kWhole;
  std::vector<std::string> fields;  // of each record; empty: all
};
struct PagePart {
  std::uint64_t read = 0;
  std::size_t records = 0;
  std::string text;              // the records as JSON objects, with commas between them
  core::ClusterSummary cluster;  // of QueryKind::kCluster
  std::optional<core::PageStart> next;
};

// Which events somebody watches. Empty fields rule nothing out; events that do not have a field are
// ruled out by it.
struct EventFilter {
  std::uint32_t types = 0;  // a bit for each alternative of core::Event::what; 0: all
  core::AgentId agent{};
  core::FrameworkId framework{};
  std::string task{};
};

// Answered by one EventsPart as soon as there is something to tell.
struct EventsAsk {
  enum class From : std::uint8_t {
    kNumber,
    kOldest,
    kNow,  // what comes; answered at once, with where that is
  };
  std::uint32_t origin = 0;
  std::uint64_t watch = 0;  // names the watcher there
  From from = From::kNumber;
  std::uint64_t number = 0;  // of the first event
  bool waits = true;         // false: answered at once, also when there is nothing
  EventFilter filter{};
};
struct EventsPart {
  struct Line {
    std::uint64_t number = 0;
    std::uint8_t type = 0;                    // alternative of core::Event::what
    std::shared_ptr<const std::string> json;  // one object
  };
  std::uint64_t watch = 0;
  std::uint32_t shard = 0;
  std::uint64_t lost = 0;  // events that are not kept any more
  std::vector<Line> lines;
  std::uint64_t next = 0;
  bool is_end = false;  // nothing has come after them yet
};
// The watcher has gone.
struct EventsEnd {
  std::uint32_t origin = 0;
  std::uint64_t watch = 0;
};

using ApiMail = std::variant<PageAsk, PagePart, EventsAsk, EventsPart, EventsEnd>;

}  // namespace shoal::master
