#include "cli/flag_parser.h"

#include <CLI/CLI.hpp>

#include "cli/duration.h"
#include "cli/page.h"
#include "cli/suggest.h"
#include "core/role.h"
#include "net/address.h"
#include "net/master_list.h"

namespace shoal::cli {

void add_master_option(Parser& parser) {
  parser.app
      .add_option(
          "--master", parser.master,
          "HOST:PORT of the master, several with commas, or etcd://HOST:PORT[,...][/PREFIX] "
          "or etcds:// (else SHOAL_MASTER, else the configuration)")
      ->capture_default_str();
}

void add_format_option(Parser& parser) {
  parser.app.add_option("-o,--output", parser.format, "how it is written")
      ->type_name("table|json|jsonl|name")
      ->capture_default_str();
}

void add_watch_option(Parser& parser) {
  // A flag with a value of its own, so that it never takes the next word.
  parser.app
      .add_flag("--watch{2s}", parser.watch,
                "anew every two seconds, or --watch=TIME, until Ctrl-C; on a terminal in place")
      ->type_name("");
}

void add_config_option(Parser& parser) {
  parser.app
      .add_option("--config", parser.config,
                  "file with settings (else SHOAL_CONFIG, else /etc/shoal/shoal.toml if there is "
                  "one); '': no settings, also none from the environment")
      ->type_name("FILE");
}

absl::Status check_address(std::string_view flag, const std::string& address) {
  const auto parsed = net::parse_host_port(address);
  if (parsed.ok()) return absl::OkStatus();
  return core::invalid("{}: {}", flag, core::message_of(parsed.status()));
}

absl::Status check_masters(const std::string& masters) {
  const auto parsed = net::parse_master_list(masters);
  if (parsed.ok()) return absl::OkStatus();
  return core::invalid("--master: {}", core::message_of(parsed.status()));
}

absl::StatusOr<OutputFormat> parse_format(const std::string& text) {
  if (text == "table") return OutputFormat::kTable;
  if (text == "json") return OutputFormat::kJson;
  if (text == "jsonl") return OutputFormat::kJsonLines;
  if (text == "name") return OutputFormat::kName;
  const std::string near = nearest(text, {"table", "json", "jsonl", "name"});
  return core::invalid("--output: '{}' is none of table, json, jsonl, name{}",
                       core::printable(text),
                       near.empty() ? "" : fmt::format("; did you mean '{}'?", near));
}

absl::Status finish_shared(const Parser& parsed, std::string* master) {
  *master = parsed.master;
  return check_masters(*master);
}

absl::Status finish_shared(const Parser& parsed, std::string* master, OutputFormat* format) {
  if (auto ok = finish_shared(parsed, master); !ok.ok()) return ok;
  const auto parsed_format = parse_format(parsed.format);
  if (!parsed_format.ok()) return parsed_format.status();
  *format = *parsed_format;
  return absl::OkStatus();
}

absl::Status finish_shared(const Parser& parsed, std::string* master, OutputFormat* format,
                           std::optional<core::Duration>* watch) {
  if (auto ok = finish_shared(parsed, master, format); !ok.ok()) return ok;
  if (parsed.watch.empty()) return absl::OkStatus();
  const auto every = parse_duration(parsed.watch);
  if (!every.ok()) return core::invalid("--watch: {}", core::message_of(every.status()));
  if (*every < kMinWatch || *every > kMaxWatch) {
    return core::invalid("--watch: {} is not from 100ms to 24h", core::printable(parsed.watch));
  }
  *watch = *every;
  return absl::OkStatus();
}

absl::Status narrow_format(const Parser& parsed, bool known, std::string_view otherwise,
                           OutputFormat* format) {
  if (known) return absl::OkStatus();
  if (!parsed.format_is_a_wish) return core::invalid("--output: {}", otherwise);
  *format = OutputFormat::kTable;
  return absl::OkStatus();
}

absl::Status check_role_flag(std::string_view flag, const std::string& text, bool may_be_default) {
  if (!may_be_default && text == core::kDefaultRole) {
    return core::invalid("{}: needs a role of its own: '*' is everybody's", flag);
  }
  absl::Status status = core::check_role(text);
  if (status.ok()) return status;
  return core::invalid("{}: {}", flag, core::message_of(status));
}

absl::StatusOr<core::Milli> parse_amount(std::string_view flag, const std::string& text) {
  auto value = core::parse_milli(text);
  if (value.ok()) return value;
  return core::invalid("{}: {}", flag, core::message_of(value.status()));
}

absl::StatusOr<std::vector<std::pair<std::string, std::string>>> parse_pairs(
    std::string_view flag, const std::vector<std::string>& texts) {
  std::vector<std::pair<std::string, std::string>> pairs;
  for (const std::string& pair : texts) {
    const std::size_t equals = pair.find('=');
    if (equals == std::string::npos || equals == 0) {
      return core::invalid("{}: '{}' is not of the form NAME=VALUE", flag, core::printable(pair));
    }
    pairs.emplace_back(pair.substr(0, equals), pair.substr(equals + 1));
  }
  return pairs;
}

}  // namespace shoal::cli
