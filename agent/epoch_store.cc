#include "agent/epoch_store.h"

#include <fmt/core.h>

#include <charconv>
#include <string_view>

#include "core/crc32c.h"
#include "net/whole_file.h"

namespace shoal::agent {
namespace {

constexpr std::size_t kMaxFileBytes = 64;

std::string path_in(const std::string& data_dir) { return data_dir + "/epoch"; }

std::string line_of(std::uint64_t epoch) {
  const std::string digits = fmt::format("{}", epoch);
  const std::uint32_t sum =
      core::crc32c(reinterpret_cast<const unsigned char*>(digits.data()), digits.size());
  return fmt::format("{} {:08x}\n", digits, sum);
}

}  // namespace

absl::StatusOr<std::uint64_t> read_epoch(const std::string& data_dir) {
  const absl::StatusOr<std::string> text = net::read_whole_file(path_in(data_dir), kMaxFileBytes);
  if (absl::IsNotFound(text.status())) return std::uint64_t{0};
  if (!text.ok()) return text.status();
  std::uint64_t epoch = 0;
  std::from_chars(text->data(), text->data() + text->size(), epoch);
  // Written again it must be the same, so nothing else needs a check.
  if (*text == line_of(epoch)) return epoch;
  return absl::FailedPreconditionError(
      fmt::format("{} is damaged: remove it if no master that leads no more can reach this agent",
                  path_in(data_dir)));
}

absl::Status write_epoch(const std::string& data_dir, std::uint64_t epoch) {
  return net::write_file_atomically(path_in(data_dir), line_of(epoch));
}

}  // namespace shoal::agent
