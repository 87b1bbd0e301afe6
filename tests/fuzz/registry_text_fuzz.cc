// A row of a master's registry, as texts: the first byte names the table, newlines part the
// columns. What is read is written as it was, or in one more way that stays.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "master/registry_text.h"

namespace {

using shoal::core::RegistryContents;
using shoal::master::RegistryText;

std::vector<std::string> written(const RegistryContents& contents) {
  if (!contents.agents.empty()) return shoal::master::to_text(contents.agents.front()).values;
  if (!contents.frameworks.empty()) {
    return shoal::master::to_text(contents.frameworks.front()).values;
  }
  return shoal::master::to_text(contents.roles.front()).values;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::size_t table = data[0] % shoal::master::registry_tables().size();
  std::vector<std::string> values(1);
  for (std::size_t i = 1; i < size; ++i) {
    if (data[i] == '\n') {
      values.emplace_back();
    } else {
      values.back() += static_cast<char>(data[i]);
    }
  }
  RegistryContents first;
  if (!shoal::master::read_text(table, values, first).ok()) return 0;
  const std::vector<std::string> once = written(first);
  RegistryContents second;
  if (!shoal::master::read_text(table, once, second).ok()) std::abort();
  if (written(second) != once) std::abort();
  return 0;
}
