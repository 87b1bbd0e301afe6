#include "net/flight_json.h"

#include <fmt/core.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "core/limits.h"
#include "core/status.h"
#include "core/text.h"
#include "net/clock.h"
#include "net/flight_recorder.h"

namespace shoal::net {
namespace {

// False: it is there and no number.
bool read_count(const HttpRequest& request, std::string_view name, std::size_t* value) {
  const std::optional<std::string> text = request.query_parameter(name);
  return !text.has_value() || core::parse_int(std::string_view(*text), value);
}

// Monotonic time as microseconds since 1970.
class WallClock {
 public:
  WallClock() : mono_(monotonic_now()), wall_us_(wall_now_ms() * 1000) {}
  std::int64_t micros_of(core::TimePoint at) const {
    return wall_us_ + (at - mono_) / std::chrono::microseconds(1);
  }

 private:
  const core::TimePoint mono_;
  const std::int64_t wall_us_;
};

// The fields that depend on the kind. Names are of this program: nothing is to be escaped.
std::string details_of(const FlightEntry& entry, const FlightWords& words) {
  switch (entry.kind) {
    case FlightKind::kOpened:
      return {};
    case FlightKind::kClosed: {
      const std::string code = absl::StatusCodeToString(static_cast<absl::StatusCode>(entry.what));
      return fmt::format(R"(,"why":"{}")", code);
    }
    case FlightKind::kFrameIn:
    case FlightKind::kFrameOut: {
      const std::string_view name = words.message(entry.what);
      return fmt::format(R"(,"message":"{}","bytes":{})",
                         name.empty() ? fmt::format("{}", entry.what) : name, entry.amount);
    }
    case FlightKind::kMail:
      return fmt::format(R"(,"messages":{})", entry.amount);
    case FlightKind::kHttp:
      return fmt::format(R"(,"status":{},"bytes":{})", entry.what, entry.amount);
    case FlightKind::kTurn:
      return fmt::format(R"(,"us":{})", entry.amount / 1000);
    case FlightKind::kPeer:
      return fmt::format(R"(,"id":"{}")", words.peer(entry.what, entry.amount));
  }
  return {};
}

void append_reactor(std::string& out, const Reactor& reactor, std::size_t most,
                    const WallClock& clock, const FlightWords& words) {
  const std::vector<FlightEntry> entries = reactor.flight().entries();
  out += fmt::format(R"({{"reactor":{},"noted":{},"entries":[)", reactor.index(),
                     reactor.flight().noted());
  const std::size_t first = entries.size() - std::min(entries.size(), most);
  for (std::size_t i = first; i < entries.size(); ++i) {
    const FlightEntry& entry = entries[i];
    out += fmt::format(R"({}{{"at_us":{},"kind":"{}")", i == first ? "" : ",",
                       clock.micros_of(entry.at), name_of(entry.kind));
    if (entry.peer != 0) out += fmt::format(R"(,"session":"{:016x}")", entry.peer);
    out += details_of(entry, words);
    out += '}';
  }
  out += "]}";
}

}  // namespace

absl::StatusOr<HttpResponse> flight_response(const HttpRequest& request,
                                             const std::vector<const Reactor*>& reactors,
                                             const FlightWords& words) {
  std::size_t most = kDefaultFlightEntries;
  std::size_t only = core::kMaxReactors;  // none has this index: all
  if (!read_count(request, "last", &most) || !read_count(request, "reactor", &only)) {
    return core::invalid("last and reactor are whole numbers");
  }
  const WallClock clock;
  HttpResponse response;
  response.body = R"({"reactors":[)";
  bool is_first = true;
  for (const Reactor* reactor : reactors) {
    if (only != core::kMaxReactors && reactor->index() != only) continue;
    if (!std::exchange(is_first, false)) response.body += ',';
    append_reactor(response.body, *reactor, most, clock, words);
  }
  response.body += "]}\n";
  return response;
}

}  // namespace shoal::net
