#include "agent/http_api.h"

#include <fmt/core.h>
#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/sandbox.h"
#include "agent/sandbox_files.h"
#include "core/status.h"
#include "core/text.h"
#include "core/version.h"
#include "net/flight_json.h"
#include "net/health.h"
#include "net/log_page.h"
#include "net/reactor_metrics.h"
#include "net/sender_check.h"
#include "wire/message.h"

namespace shoal::agent {

namespace {

using Writer = rapidjson::Writer<rapidjson::StringBuffer>;

// What is asked of a sandbox.
struct FileQuestion {
  SandboxId id;  // run_uuid may be empty: the newest
  std::string path;
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
};

net::HttpResponse error_response(const absl::Status& status) {
  int code = 500;
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
      code = 400;
      break;
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kPermissionDenied:
      code = 403;
      break;
    case absl::StatusCode::kNotFound:
      code = 404;
      break;
    case absl::StatusCode::kResourceExhausted:
      code = 503;
      break;
    default:
      break;
  }
  return net::text_response(code, core::printable(core::message_of(status), 1000));
}

// A file of a task must not be taken for a page.
void add_safe_headers(net::HttpResponse& response) {
  response.headers.emplace_back("X-Content-Type-Options", "nosniff");
  response.headers.emplace_back("Cache-Control", "no-store");
}

std::vector<std::string> parts_of(std::string_view path) {
  std::vector<std::string> parts;
  while (!path.empty()) {
    path.remove_prefix(1);
    const std::string_view part = path.substr(0, path.find('/'));
    parts.emplace_back(part);
    path.remove_prefix(part.size());
  }
  return parts;
}

// query_parameter() does not tell what is missing from what is malformed.
bool has_parameter(std::string_view query, std::string_view name) {
  for (const std::string_view pair : core::split(query, '&')) {
    if (pair.substr(0, pair.find('=')) == name) return true;
  }
  return false;
}

absl::Status read_number(const net::HttpRequest& request, std::string_view name,
                         std::uint64_t* value) {
  if (!has_parameter(request.query, name)) return absl::OkStatus();
  const auto text = request.query_parameter(name);
  if (text.has_value() && core::parse_int(std::string_view(*text), value)) return absl::OkStatus();
  return core::invalid("{}: '{}' is no number of bytes", name,
                       core::printable(text.value_or(std::string())));
}

absl::StatusOr<FileQuestion> parse_question(const net::HttpRequest& request,
                                            const std::vector<std::string>& parts) {
  FileQuestion question;
  question.id.framework_id = parts[2];
  question.id.task_id = parts[3];
  question.length = HttpApi::kDefaultReadBytes;
  for (const auto& [name, text] :
       {std::pair<std::string_view, std::string*>{"path", &question.path},
        {"run", &question.id.run_uuid}}) {
    if (!has_parameter(request.query, name)) continue;
    auto value = request.query_parameter(name);
    if (!value.has_value()) return core::invalid("{}: malformed", name);
    *text = *std::move(value);
  }
  if (absl::Status read = read_number(request, "offset", &question.offset); !read.ok()) return read;
  if (absl::Status read = read_number(request, "length", &question.length); !read.ok()) return read;
  return question;
}

absl::StatusOr<UniqueFd> open_asked(const std::string& data_dir, FileQuestion& question) {
  if (question.id.run_uuid.empty()) {
    auto run = latest_run(data_dir, question.id.framework_id, question.id.task_id);
    if (absl::IsNotFound(run.status())) {
      return absl::NotFoundError(fmt::format(
          "there is no sandbox of task '{}' of framework {} here",
          core::printable(question.id.task_id), core::printable(question.id.framework_id)));
    }
    if (!run.ok()) return run.status();
    question.id.run_uuid = *std::move(run);
  }
  return open_sandbox(data_dir, question.id);
}

void put(Writer& writer, std::string_view key, std::string_view value) {
  writer.Key(key.data(), static_cast<rapidjson::SizeType>(key.size()));
  writer.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
}

std::string to_json(const FileQuestion& question, const FileListing& listing) {
  rapidjson::StringBuffer buffer;
  Writer writer(buffer);
  writer.StartObject();
  put(writer, "framework", question.id.framework_id);
  put(writer, "task", question.id.task_id);
  put(writer, "run", question.id.run_uuid);
  put(writer, "path", question.path);
  writer.Key("folder");
  writer.Bool(listing.is_folder);
  writer.Key("cut");
  writer.Bool(listing.is_cut);
  writer.Key("files");
  writer.StartArray();
  for (const FileEntry& file : listing.entries) {
    writer.StartObject();
    // Any bytes may be in a name; printable ones are valid UTF-8.
    put(writer, "name",
        core::is_clean_text(file.name) ? file.name : core::printable(file.name, 1024));
    put(writer, "kind", name_of(file.kind));
    writer.Key("size");
    writer.Uint64(file.size);
    writer.Key("disk");
    writer.Uint64(file.disk);
    put(writer, "mode", fmt::format("{:04o}", file.mode));
    writer.Key("modified_ms");
    writer.Int64(file.modified_ms);
    writer.EndObject();
  }
  writer.EndArray();
  writer.EndObject();
  return {buffer.GetString(), buffer.GetSize()};
}

net::HttpResponse list_response(const std::string& data_dir, FileQuestion question) {
  const auto sandbox = open_asked(data_dir, question);
  if (!sandbox.ok()) return error_response(sandbox.status());
  const auto listing = list_files(sandbox->get(), question.path);
  if (!listing.ok()) return error_response(listing.status());
  net::HttpResponse response;
  response.body = to_json(question, *listing);
  add_safe_headers(response);
  return response;
}

net::HttpResponse read_response(const std::string& data_dir, FileQuestion question) {
  const auto sandbox = open_asked(data_dir, question);
  if (!sandbox.ok()) return error_response(sandbox.status());
  auto part = read_file_part(sandbox->get(), question.path, question.offset,
                             std::min<std::uint64_t>(question.length, kMaxReadBytes));
  if (!part.ok()) return error_response(part.status());
  net::HttpResponse response;
  response.content_type = "application/octet-stream";
  response.body = std::move(part->data);
  response.headers.emplace_back("Shoal-Offset", fmt::format("{}", part->offset));
  response.headers.emplace_back("Shoal-Size", fmt::format("{}", part->size));
  response.headers.emplace_back("Content-Disposition", "attachment");
  add_safe_headers(response);
  return response;
}

net::FlightWords flight_words() {
  net::FlightWords words;
  words.message = [](std::uint16_t kind) {
    return wire::name_of(static_cast<wire::MessageKind>(kind));
  };
  words.peer = [](std::uint16_t /*what*/, std::uint64_t id) { return fmt::format("{:016x}", id); };
  return words;
}

// {"levels":"net=debug"}
absl::Status change_levels(net::Log& log, std::string_view body) {
  rapidjson::Document document;
  document.Parse<rapidjson::kParseIterativeFlag>(body.data(), body.size());
  const bool is_sound = !document.HasParseError() && document.IsObject() &&
                        document.MemberCount() == 1 && document.HasMember("levels") &&
                        document["levels"].IsString();
  if (!is_sound) return core::invalid("the body is not as {}", R"({"levels":"net=debug"})");
  const rapidjson::Value& levels = document["levels"];
  return net::change_log_levels(log, {levels.GetString(), levels.GetStringLength()});
}

}  // namespace

HttpApi::HttpApi(net::Reactor& reactor, HttpApiOptions options)
    : reactor_(reactor), options_(std::move(options)) {}

void HttpApi::on_request(const net::HttpRequest& request, net::HttpResponder responder) {
  if (on_debug(request, responder)) return;
  const std::vector<std::string> parts = parts_of(request.path);
  const bool is_files = parts.size() >= 5 && parts.size() <= 6 && parts[0] == "v1" &&
                        parts[1] == "tasks" && parts[4] == "files" &&
                        (parts.size() == 5 || parts[5] == "read");
  const bool is_known = is_files || request.path == "/health" || request.path == "/version" ||
                        request.path == "/metrics" || request.path == "/v1/usage" ||
                        request.path == "/livez" || request.path == "/readyz";
  if (!is_known) {
    responder.respond(net::not_found());
    return;
  }
  if (request.method != "GET" && request.method != "HEAD") {
    responder.respond(net::method_not_allowed("GET, HEAD"));
    return;
  }
  if (is_files) return on_files(request, parts, responder);
  if (request.path == "/metrics") return on_metrics(responder);
  if (request.path == "/v1/usage") return on_usage(responder);
  if (request.path != "/version") {
    responder.respond(health(request));
    return;
  }
  net::HttpResponse response;
  response.body = fmt::format(R"({{"version":"{}"}})", core::kVersion);
  responder.respond(response);
}

// That it answers says that its loop turns; /readyz, that it can be given tasks.
net::HttpResponse HttpApi::health(const net::HttpRequest& request) const {
  std::vector<net::HealthCheck> checks = {{"loop", ""}};
  if (request.path == "/readyz") {
    const AgentFacts facts = options_.facts();
    const std::string why = facts.no_session.empty() ? "no master has taken it" : facts.no_session;
    checks.push_back({"registered", facts.is_registered ? "" : why});
    checks.push_back({"stays", facts.is_ending ? "it is ending" : ""});
  }
  return net::health_response(request, checks);
}

bool HttpApi::on_debug(const net::HttpRequest& request, net::HttpResponder responder) {
  const bool is_flight = request.path == "/v1/debug/flight";
  if (!is_flight && (request.path != net::kLogLevelPath || options_.log == nullptr)) return false;
  const bool is_read = request.method == "GET" || request.method == "HEAD";
  if (!is_read && (is_flight || request.method != "PUT")) {
    responder.respond(net::method_not_allowed(is_flight ? "GET, HEAD" : "GET, HEAD, PUT"));
    return true;
  }
  if (is_flight) {
    const auto flight = net::flight_response(request, {&reactor_}, flight_words());
    responder.respond(flight.ok() ? *flight : error_response(flight.status()));
    return true;
  }
  if (!is_read) {
    if (const auto fault = net::fault_of_sender(request); fault.has_value()) {
      responder.respond(net::text_response(fault->status, fault->message));
      return true;
    }
    if (absl::Status changed = change_levels(*options_.log, request.body); !changed.ok()) {
      responder.respond(error_response(changed));
      return true;
    }
  }
  net::HttpResponse response;
  response.body = net::log_levels_json(*options_.log);
  responder.respond(response);
  return true;
}

void HttpApi::on_files(const net::HttpRequest& request, const std::vector<std::string>& parts,
                       net::HttpResponder responder) {
  auto question = parse_question(request, parts);
  if (!question.ok()) {
    responder.respond(error_response(question.status()));
    return;
  }
  const auto make = parts.size() == 5 ? list_response : read_response;
  answer_later(responder, [make, data_dir = options_.data_dir, asked = *std::move(question)] {
    return make(data_dir, asked);
  });
}

void HttpApi::answer_later(net::HttpResponder responder, std::function<net::HttpResponse()> work) {
  if (jobs_.size() >= kMaxFileJobs) {
    responder.respond(net::text_response(503, "too many files are being read: try again"));
    return;
  }
  const auto job = jobs_.emplace(jobs_.end());
  job->responder = responder;
  job->task = std::make_unique<net::BackgroundTask>(
      reactor_, [job, make = std::move(work)] { job->response = make(); },
      [this, job] {
        job->responder.respond(job->response);
        jobs_.erase(job);
      });
}

void HttpApi::on_metrics(net::HttpResponder responder) {
  options_.monitor->ask([this, responder](const UsageSample& sample) mutable {
    net::HttpResponse response;
    response.content_type = core::MetricsText::kContentType;
    core::MetricsText text;
    append_usage_metrics(text, options_.facts(), sample, options_.sandboxes(), options_.logs());
    append_launch_metrics(text, *options_.launches);
    net::append_log_metrics(text, options_.log);
    net::append_reactor_metrics(text, {&reactor_});
    response.body = text.take();
    responder.respond(response);
  });
}

void HttpApi::on_usage(net::HttpResponder responder) {
  options_.monitor->ask([this, responder](const UsageSample& sample) mutable {
    net::HttpResponse response;
    response.body = usage_json(options_.facts(), sample, options_.sandboxes(), options_.logs());
    add_safe_headers(response);
    responder.respond(response);
  });
}

}  // namespace shoal::agent
