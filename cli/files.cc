#include "cli/files.h"

#include <fmt/core.h>
#include <rapidjson/document.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "cli/agent_http.h"
#include "cli/bytes.h"
#include "cli/exit_code.h"
#include "cli/json_reader.h"
#include "cli/lookup.h"
#include "cli/table.h"
#include "core/status.h"
#include "core/text.h"
#include "master/json_writer.h"
#include "net/reactor.h"
#include "sdk/operator_client.h"

namespace shoal::cli {
namespace {

constexpr std::uint64_t kPieceBytes = 1024 * 1024;

// Only the master's absence is "unreachable" to a script.
int report_agent(const absl::Status& status) {
  say(core::message_of(status));
  return absl::IsNotFound(status)           ? kExitNotFound
         : absl::IsPermissionDenied(status) ? kExitDenied
                                            : kExitFailed;
}

std::string target_of(const core::TaskSummary& task, const std::string& path, bool reads) {
  return fmt::format("/v1/tasks/{}/{}/files{}?path={}", core::to_string(task.framework),
                     net::percent_encode(task.id), reads ? "/read" : "", net::percent_encode(path));
}

int list(net::Reactor& reactor, const core::TaskSummary& task, const FilesVerb& verb) {
  const auto answer = ask_agent(reactor, {task.agent_address, target_of(task, verb.path, false)});
  if (!answer.ok()) return report_agent(answer.status());
  const auto files = parse_files(answer->body);
  if (!files.ok()) return report_agent(files.status());
  if (files->is_cut) say(fmt::format("only {} of the files are listed", files->rows.size()));
  std::string names;
  switch (verb.format) {
    case OutputFormat::kJson:
      return print_output(files_to_json(files->rows, false));
    case OutputFormat::kJsonLines:
      return print_output(files_to_json(files->rows, true));
    case OutputFormat::kName:
      for (const FileRow& row : files->rows) names += core::printable(row.name, 1024) + "\n";
      return print_output(names);
    case OutputFormat::kTable:
      break;
  }
  if (files->rows.empty()) {
    say("no files");
    return kExitOk;
  }
  return print_output(files_to_table(files->rows, describe_stdout()));
}

int cat(net::Reactor& reactor, const core::TaskSummary& task, const FilesVerb& verb) {
  const std::string target = target_of(task, verb.path, true);
  for (std::uint64_t at = 0;;) {
    const auto answer = ask_agent(
        reactor,
        {task.agent_address, fmt::format("{}&offset={}&length={}", target, at, kPieceBytes)});
    if (!answer.ok()) return report_agent(answer.status());
    std::uint64_t from = 0;
    if (!core::parse_int(answer->header("Shoal-Offset"), &from) || from < at) {
      return report_agent(absl::InternalError("the agent does not say where the bytes are from"));
    }
    if (answer->body.empty()) return kExitOk;
    if (from > at) say(fmt::format("{} bytes were cut off here: the log is bounded", from - at));
    const absl::Status written = write_fully(STDOUT_FILENO, answer->body);
    if (absl::IsCancelled(written)) return kExitOk;
    if (!written.ok()) return report_agent(written);
    at = from + answer->body.size();
  }
}

}  // namespace

absl::StatusOr<FileRows> parse_files(std::string_view json) {
  rapidjson::Document document;
  document.Parse<rapidjson::kParseIterativeFlag>(json.data(), json.size());
  const absl::Status malformed = core::invalid("the agent's answer is no list of files");
  const rapidjson::Value* files = document.HasParseError() ? nullptr : member(document, "files");
  if (files == nullptr || !files->IsArray()) return malformed;
  FileRows found;
  found.is_cut = flag_of(document, "cut");
  for (const rapidjson::Value& file : files->GetArray()) {
    if (!file.IsObject()) return malformed;
    found.rows.push_back({text_of(file, "name"), text_of(file, "kind"), count_of(file, "size"),
                          count_of(file, "disk"), text_of(file, "mode"),
                          static_cast<std::int64_t>(count_of(file, "modified_ms"))});
  }
  return found;
}

std::string files_to_table(const std::vector<FileRow>& rows, const Terminal& terminal) {
  Table table({{"MODE"},
               {"SIZE", Table::Align::kRight},
               {"MODIFIED"},
               {"KIND"},
               {"NAME", Table::Align::kLeft, true}});
  for (const FileRow& row : rows) {
    const bool is_plain = row.kind == "file";
    table.add_row({row.mode, is_plain ? bytes_to_string(row.size) : "-",
                   master::iso_time(row.modified_ms), row.kind, row.name});
  }
  return table.render(terminal);
}

std::string files_to_json(const std::vector<FileRow>& rows, bool lines) {
  std::string out;
  for (const FileRow& row : rows) {
    master::Buffer buffer;
    master::Writer writer(buffer);
    writer.StartObject();
    master::put(writer, "name", row.name);
    master::put(writer, "kind", row.kind);
    master::put(writer, "size_bytes", static_cast<std::int64_t>(row.size));
    master::put(writer, "disk_bytes", static_cast<std::int64_t>(row.disk));
    master::put(writer, "mode", row.mode);
    master::put(writer, "modified", master::iso_time(row.modified_ms));
    writer.EndObject();
    if (!out.empty() && !lines) out += ",";
    out.append(buffer.GetString(), buffer.GetSize());
    if (lines) out += "\n";
  }
  return lines ? out : "[" + out + "]\n";
}

int run_files(const FilesVerb& verb) {
  auto client = sdk::OperatorClient::create(verb.master);
  absl::Status status = client.status();
  absl::StatusOr<core::TaskSummary> task = absl::UnknownError("");
  if (status.ok()) {
    task = find_task(**client, verb.task);
    status = task.status();
  }
  if (!status.ok()) {
    say(core::message_of(status));
    return exit_code_of(status);
  }
  if (task->agent_address.empty()) {
    say(fmt::format("'{}' has no files: it never reached an agent, or the agent serves none",
                    task->id));
    return kExitNotFound;
  }
  auto reactor = net::Reactor::create(0);
  if (!reactor.ok()) {
    say(core::message_of(reactor.status()));
    return kExitFailed;
  }
  return verb.cat ? cat(**reactor, *task, verb) : list(**reactor, *task, verb);
}

}  // namespace shoal::cli
