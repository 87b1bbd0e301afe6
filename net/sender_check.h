// Who may change something over HTTP, as far as a request tells: a page in somebody's browser that
// is not ours may not.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "net/http.h"

namespace shoal::net {

struct SenderFault {
  int status = 403;
  std::string_view code;  // "denied" or "wrong_type"
  std::string message;
};

// nullopt: it may. 415: it says no Content-Type: application/json, which a form of somebody else's
// page cannot say; 403: it comes from a page that is not the daemon's own, by its address.
std::optional<SenderFault> fault_of_sender(const HttpRequest& request);

}  // namespace shoal::net
