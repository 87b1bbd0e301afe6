#include "master/http_pages.h"

#include <fmt/core.h>

#include <string_view>

#include "alloc/malloc_choice.h"
#include "core/metrics_text.h"
#include "master/debug_pages.h"
#include "master/election_pages.h"
#include "master/health_pages.h"
#include "master/metrics_page.h"

namespace shoal::master {
namespace {

std::string front_page(const MasterInfo& info) {
  return fmt::format(
      "Shoal {} master at {}, cluster {:016x}\n\n"
      "  /readyz    whether it serves; ?verbose says what is checked, /livez whether it lives\n"
      "  /version   which build this is\n"
      "  /metrics   counters for Prometheus\n"
      "  /masters   who leads, and who stands by\n"
      "  /v1/tasks  and /v1/agents, /v1/frameworks, /v1/events …: the operator API\n"
      "  /openapi.json  what that can do\n\n"
      "From a shell:\n"
      "  export SHOAL_MASTER={}\n"
      "  shoal agents\n"
      "  shoal run -- echo hello\n",
      info.version, info.address, info.cluster_id, info.address);
}

net::HttpResponse answer(const MasterInfo& info, const net::HttpRequest& request) {
  const std::string& path = request.path;
  net::HttpResponse response;
  if (path == "/") return net::text_response(200, front_page(info));
  if (path == "/health" || path == "/livez") return livez_page(info, request);
  if (path == "/readyz") return readyz_page(info, request);
  if (path == "/version") {
    response.body = version_page(info.version);
    return response;
  }
  if (path == "/masters") return masters_page(info);
  if (path == "/redirect") return redirect_to(info.advertised, "/");
  if (path == "/metrics") {
    response.content_type = core::MetricsText::kContentType;
    response.body = metrics_text(info);
    return response;
  }
  return net::not_found();
}

}  // namespace

std::string version_page(const std::string& version) {
  return fmt::format("{{\"version\":\"{}\",\"allocator\":\"{}\"}}\n", version,
                     alloc::malloc_name());
}

net::HttpResponse redirect_to(const std::string& address, std::string_view target) {
  net::HttpResponse response = net::text_response(307, fmt::format("{} leads", address));
  response.headers.emplace_back("Location", fmt::format("http://{}{}", address, target));
  return response;
}

HttpPages::HttpPages(const MasterInfo& info, Api& api) : info_(info), api_(api) {
  debug_.log = info.log;
  for (const Service* service : info.services) debug_.reactors.push_back(&service->reactor());
}

void HttpPages::on_request(const net::HttpRequest& request, net::HttpResponder responder) {
  if (net::is_logged(info_.log, core::LogModule::kApi, core::LogLevel::kDebug)) {
    info_.log->write(
        core::LogModule::kApi, core::LogLevel::kDebug, "request",
        {{"method", request.method}, {"target", request.target}, {"peer", request.peer_address}});
  }
  if (request.path == "/step-down") {
    responder.respond(step_down(info_, request));
    return;
  }
  if (serve_debug(debug_, request, responder)) return;
  if (Api::serves(request.path)) return api_.on_request(request, responder, info_);
  if (request.method != "GET" && request.method != "HEAD") {
    responder.respond(net::method_not_allowed("GET, HEAD"));
    return;
  }
  responder.respond(answer(info_, request));
}

}  // namespace shoal::master
