// What a client of the operator API sends: a request's query on the first line, its body after it.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "core/status.h"
#include "core/text.h"
#include "master/api_answer.h"
#include "master/api_body.h"
#include "master/field_selection.h"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace std::string_view_literals;
  namespace core = shoal::core;
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  const std::size_t line = text.find('\n');

  shoal::net::HttpRequest request;
  request.query = text.substr(0, line);
  const auto parameters =
      shoal::master::QueryParameters::parse(request, {"fields", "state", "cursor"});
  if (parameters.ok()) {
    for (const std::string& field : parameters->list("fields")) require(!field.empty());
    const std::string object = R"({"id":1.50,"state":{"id":[{"x":null}]}})";
    shoal::master::select_fields(object, parameters->list("fields"));
  } else {
    require(shoal::core::is_clean_text(core::message_of(parameters.status())));
  }

  shoal::master::ApiBody body(line == std::string_view::npos ? ""sv : text.substr(line + 1));
  const std::string name = body.text("text");
  body.flag("flag");
  const std::int64_t whole = body.integer("whole", 0);
  const core::Quantities limits = body.quantities("limits", core::kNoLimit);
  const absl::Status sound = body.finish();
  require(whole >= 0);
  for (const core::Milli amount : limits.amounts) require(amount >= core::kNoLimit);
  if (!sound.ok()) require(!sound.message().empty());
  return 0;
}
