// GET /v1/debug/flight: what the flight recorders of reactors hold, as JSON.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "net/http.h"
#include "net/reactor.h"

namespace shoal::net {

struct FlightWords {
  // Of a frame's kind; "" when it is none.
  std::function<std::string_view(std::uint16_t kind)> message;
  // Of a FlightKind::kPeer: the id as people know it. `what`: as noted.
  std::function<std::string(std::uint16_t what, std::uint64_t id)> peer;
};

// The newest entries of each reactor, unless ?last=N says how many.
inline constexpr std::size_t kDefaultFlightEntries = 1000;

// 200 {"reactors":[{"reactor":0,"noted":N,"entries":[{"at_us":…,"kind":…,…}]}]}, oldest first;
// ?reactor=N for one only. From any thread, also when the reactors are stuck. docs/MONITORING.md
// tells what is in an entry. Errors: INVALID_ARGUMENT (a parameter is no number).
absl::StatusOr<HttpResponse> flight_response(const HttpRequest& request,
                                             const std::vector<const Reactor*>& reactors,
                                             const FlightWords& words);

}  // namespace shoal::net
