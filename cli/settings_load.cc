#include "cli/settings_load.h"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <tuple>
#include <utility>

#include "cli/settings_file.h"
#include "core/status.h"
#include "core/text.h"
#include "net/whole_file.h"

namespace shoal::cli {
namespace {

constexpr std::string_view kFrontOfVariables = "SHOAL_";
constexpr std::size_t kMostOfAPath = 1000;  // that is shown

class Loading {
 public:
  Loading(const SettingsRequest& request, const Schema& schema)
      : request_(request), schema_(schema) {}

  // `must_be_there`: somebody named it.
  void read_files(const std::string& file, bool must_be_there) {
    if (must_be_there || is_for_us(file)) read_file(file);
    const std::string folder = file + ".d";
    for (const std::string& name : files_in(folder)) {
      const bool ours = must_be_there || request_.only.empty();
      if (ours || ::access(name.c_str(), R_OK) == 0) read_file(name);
    }
  }

  void add(Findings found) {
    for (Mistake& mistake : found.mistakes) all_.mistakes.push_back(std::move(mistake));
    for (Setting& setting : found.settings) all_.settings.push_back(std::move(setting));
  }

  // Looks at the values of all, and puts the mistakes that concern us in order.
  Settings finish() {
    for (Mistake& mistake : schema_.check(all_)) all_.mistakes.push_back(std::move(mistake));
    std::erase_if(all_.mistakes, [this](const Mistake& mistake) { return !concerns_us(mistake); });
    std::stable_sort(all_.mistakes.begin(), all_.mistakes.end(),
                     [this](const Mistake& a, const Mistake& b) {
                       return std::tuple(rank(a.origin), a.origin.line, a.origin.column) <
                              std::tuple(rank(b.origin), b.origin.line, b.origin.column);
                     });
    return std::move(all_);
  }

 private:
  bool concerns_us(const Mistake& mistake) const {
    return request_.only.empty() || mistake.section.empty() || mistake.section == request_.only;
  }

  // What could not be read first, then file by file, then the environment.
  std::size_t rank(const Origin& origin) const {
    if (origin.kind != Origin::Kind::kFile) return all_.files.size() + 1;
    const auto at = std::find(all_.files.begin(), all_.files.end(), origin.name);
    return at == all_.files.end() ? 0 : static_cast<std::size_t>(at - all_.files.begin()) + 1;
  }

  // Whether a file that nobody named is there, and meant for who reads it.
  bool is_for_us(const std::string& file) const {
    if (::access(file.c_str(), R_OK) == 0) return true;
    return errno != ENOENT && errno != ENOTDIR && request_.only.empty();
  }

  void complain(const std::string& file, std::string what) {
    all_.mistakes.push_back({"", {Origin::Kind::kFile, file}, std::move(what)});
  }

  void read_file(const std::string& file) {
    const std::string name = core::printable(file, kMostOfAPath);
    const auto text = net::read_whole_file(file, kMaxSettingsFileBytes);
    if (!text.ok()) {
      complain(name, std::string(core::message_of(text.status())));
      return;
    }
    all_.files.push_back(name);
    add(parse_settings(name, *text, schema_.sections));
  }

  // Sorted. A folder that is not there holds none.
  std::vector<std::string> files_in(const std::string& folder) {
    std::vector<std::string> files;
    std::error_code error;
    for (std::filesystem::directory_iterator at(folder, error), end; !error && at != end;
         at.increment(error)) {
      const std::string name = at->path().filename().string();
      if (!name.ends_with(".toml") || name.starts_with('.')) continue;
      files.push_back(fmt::format("{}/{}", folder, name));
      if (files.size() <= kMaxSettingsFiles) continue;
      complain(folder, fmt::format("more than {} files", kMaxSettingsFiles));
      return {};
    }
    if (error && error != std::errc::no_such_file_or_directory &&
        error != std::errc::not_a_directory && request_.only.empty()) {
      complain(folder, error.message());
    }
    std::sort(files.begin(), files.end());
    return files;
  }

  const SettingsRequest& request_;
  const Schema& schema_;
  Settings all_;
};

std::string file_of_environment(const Environment& environment) {
  for (const auto& [variable, value] : environment) {
    if (variable == "SHOAL_CONFIG") return value;
  }
  return "";
}

}  // namespace

SettingsSources process_settings_sources() {
  SettingsSources sources;
  sources.default_file = "/etc/shoal/shoal.toml";
  for (char** at = environ; at != nullptr && *at != nullptr; ++at) {
    const std::string_view entry(*at);
    const std::size_t equals = entry.find('=');
    if (!entry.starts_with(kFrontOfVariables) || equals == std::string_view::npos) continue;
    sources.environment.emplace_back(entry.substr(0, equals), entry.substr(equals + 1));
  }
  return sources;
}

Settings load_settings(const SettingsSources& sources, const SettingsRequest& request,
                       const Schema& schema) {
  Loading loading(request, schema);
  if (request.file.has_value() && request.file->empty()) return loading.finish();
  const std::string named = request.file.value_or(file_of_environment(sources.environment));
  if (!named.empty()) {
    loading.read_files(named, true);
  } else if (!sources.default_file.empty()) {
    loading.read_files(sources.default_file, false);
  }
  loading.add(read_environment(sources.environment, schema.sections));
  return loading.finish();
}

}  // namespace shoal::cli
