#include "master/debug_pages.h"

#include <fmt/core.h>

#include <string>
#include <string_view>
#include <utility>

#include "core/ids.h"
#include "core/status.h"
#include "master/api_answer.h"
#include "master/api_body.h"
#include "net/flight_json.h"
#include "net/flight_recorder.h"
#include "net/log_page.h"
#include "wire/message.h"

namespace shoal::master {
namespace {

constexpr std::string_view kFlightPath = "/v1/debug/flight";

net::HttpResponse flight_page(const net::HttpRequest& request,
                              const std::vector<const net::Reactor*>& reactors) {
  net::FlightWords words;
  words.message = [](std::uint16_t kind) {
    return wire::name_of(static_cast<wire::MessageKind>(kind));
  };
  words.peer = [](std::uint16_t what, std::uint64_t id) {
    return what == net::kFlightAgent ? core::to_string(core::AgentId{id})
                                     : core::to_string(core::FrameworkId{id});
  };
  auto response = net::flight_response(request, reactors, words);
  return response.ok() ? *std::move(response) : api_error(response.status());
}

net::HttpResponse log_level_page(const net::HttpRequest& request, net::Log& log) {
  if (request.method == "PUT") {
    if (const auto refused = refuse_sender(request); refused.has_value()) return *refused;
    ApiBody body(request.body);
    const std::string levels = body.required_text("levels");
    if (absl::Status sound = body.finish(); !sound.ok()) return api_error(sound);
    if (absl::Status changed = net::change_log_levels(log, levels); !changed.ok()) {
      return api_error(changed);
    }
  }
  net::HttpResponse response;
  response.body = net::log_levels_json(log);
  return response;
}

net::HttpResponse wrong_method(const net::HttpRequest& request, std::string_view allowed) {
  net::HttpResponse refused =
      api_error(405, "wrong_method", fmt::format("{} takes {}", request.path, allowed));
  refused.headers.emplace_back("Allow", allowed);
  return refused;
}

}  // namespace

bool serve_debug(const DebugSubject& subject, const net::HttpRequest& request,
                 net::HttpResponder responder) {
  const bool is_read = request.method == "GET" || request.method == "HEAD";
  if (request.path == kFlightPath) {
    responder.respond(is_read ? flight_page(request, subject.reactors)
                              : wrong_method(request, "GET, HEAD"));
    return true;
  }
  if (request.path != net::kLogLevelPath) return false;
  if (!is_read && request.method != "PUT") {
    responder.respond(wrong_method(request, "GET, HEAD, PUT"));
  } else if (subject.log == nullptr) {
    responder.respond(api_error(404, "not_found", "this master writes no log"));
  } else {
    responder.respond(log_level_page(request, *subject.log));
  }
  return true;
}

}  // namespace shoal::master
