#include "master/api_answer.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "core/status.h"
#include "core/text.h"
#include "master/admission.h"
#include "master/json_writer.h"
#include "net/sender_check.h"

namespace shoal::master {
namespace {

constexpr std::size_t kMaxMessageBytes = 512;

int http_status_of(core::RefusalCode code) {
  switch (code) {
    case core::RefusalCode::kNotFound:
      return 404;
    case core::RefusalCode::kOverloaded:
    case core::RefusalCode::kShuttingDown:
      return 503;
    case core::RefusalCode::kGone:
      return 410;
    case core::RefusalCode::kBadMessage:
      return 400;
    default:
      return 409;
  }
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

}  // namespace

net::HttpResponse api_error(int status, std::string_view code, std::string_view message) {
  Buffer buffer;
  Writer writer(buffer);
  writer.StartObject();
  put_key(writer, "error");
  writer.StartObject();
  put(writer, "code", code);
  put(writer, "message", core::printable(message, kMaxMessageBytes));
  writer.EndObject();
  writer.EndObject();
  net::HttpResponse response;
  response.status = status;
  response.body = std::string(buffer.GetString(), buffer.GetSize()) + "\n";
  if (status == 503) response.headers.emplace_back("Retry-After", "1");
  return response;
}

net::HttpResponse api_error(const absl::Status& status) {
  if (absl::IsNotFound(status)) return api_error(404, "not_found", core::message_of(status));
  return api_error(400, "invalid", core::message_of(status));
}

net::HttpResponse api_error(const core::Refusal& refusal) {
  return api_error(http_status_of(refusal.code), lower(core::name_of(refusal.code)),
                   refusal.message);
}

net::HttpResponse api_busy(core::Duration wait) {
  net::HttpResponse response = api_error(503, "busy", kBusyText);
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(wait).count();
  response.headers.back().second = fmt::format("{}", seconds);
  return response;
}

std::optional<net::HttpResponse> refuse_sender(const net::HttpRequest& request) {
  const std::optional<net::SenderFault> fault = net::fault_of_sender(request);
  if (!fault.has_value()) return std::nullopt;
  return api_error(fault->status, fault->code, fault->message);
}

net::HttpResponse api_done() {
  net::HttpResponse response;
  response.body = "{\"done\":true}\n";
  return response;
}

absl::StatusOr<QueryParameters> QueryParameters::parse(const net::HttpRequest& request,
                                                       const std::vector<std::string_view>& known) {
  QueryParameters out;
  for (const std::string_view part : core::split(request.query, '&')) {
    if (part.empty()) continue;
    const std::size_t equals = part.find('=');
    const std::optional<std::string> name = net::percent_decode(part.substr(0, equals), true);
    const std::optional<std::string> value =
        equals == std::string_view::npos ? std::string()
                                         : net::percent_decode(part.substr(equals + 1), true);
    if (!name.has_value() || !value.has_value()) {
      return core::invalid("the query is not well encoded: {}", core::printable(part));
    }
    if (std::find(known.begin(), known.end(), *name) == known.end()) {
      return core::invalid("parameter {} is not known here; there {} {}", core::printable(*name),
                           known.empty() ? "is none" : "are", fmt::join(known, ", "));
    }
    const bool is_twice = std::any_of(out.values_.begin(), out.values_.end(),
                                      [&name](const auto& each) { return each.first == *name; });
    if (is_twice) return core::invalid("parameter {} is there twice", *name);
    out.values_.emplace_back(*name, *value);
  }
  return out;
}

std::string QueryParameters::text(std::string_view name) const {
  for (const auto& [each, value] : values_) {
    if (each == name) return value;
  }
  return {};
}

std::vector<std::string> QueryParameters::list(std::string_view name) const {
  const std::string all = text(name);
  std::vector<std::string> out;
  for (const std::string_view part : core::split(all, ',')) {
    if (!part.empty()) out.emplace_back(part);
  }
  return out;
}

absl::Status QueryParameters::read(std::string_view name, core::AgentId* agent) const {
  const std::string value = text(name);
  if (value.empty()) return absl::OkStatus();
  const absl::StatusOr<core::AgentId> id = core::parse_agent_id(value);
  if (id.ok()) *agent = *id;
  return id.status();
}

absl::Status QueryParameters::read(std::string_view name, core::FrameworkId* framework) const {
  const std::string value = text(name);
  if (value.empty()) return absl::OkStatus();
  const absl::StatusOr<core::FrameworkId> id = core::parse_framework_id(value);
  if (id.ok()) *framework = *id;
  return id.status();
}

}  // namespace shoal::master
