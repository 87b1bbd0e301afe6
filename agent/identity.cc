#include "agent/identity.h"

#include <fmt/core.h>

#include "core/status.h"
#include "core/text.h"
#include "net/whole_file.h"

namespace shoal::agent {
namespace {

constexpr std::size_t kMaxFileBytes = 64;

std::string path_in(const std::string& data_dir) { return data_dir + "/agent_id"; }

}  // namespace

absl::StatusOr<core::AgentId> read_identity(const std::string& data_dir) {
  const absl::StatusOr<std::string> text = net::read_whole_file(path_in(data_dir), kMaxFileBytes);
  if (absl::IsNotFound(text.status())) return core::AgentId();
  if (!text.ok()) return text.status();
  absl::StatusOr<core::AgentId> id = core::parse_agent_id(core::strip(*text));
  if (id.ok()) return id;
  return absl::FailedPreconditionError(fmt::format("{}: {}; remove it to register as a new agent",
                                                   path_in(data_dir),
                                                   core::message_of(id.status())));
}

absl::Status write_identity(const std::string& data_dir, core::AgentId id) {
  return net::write_file_atomically(path_in(data_dir), core::to_string(id) + "\n");
}

}  // namespace shoal::agent
