// The cluster as JSON. The schema is docs/CLI.md's and stable: fields are added, never changed.
#pragma once

#include <string>
#include <vector>

#include "cli/operate_plan.h"
#include "core/cluster_view.h"
#include "core/messages.h"

namespace shoal::cli {

// One array of objects ("[]\n" when empty), or with `lines` one object a line.
std::string to_json(const core::ClusterView& view, core::QueryKind kind, bool lines);

// Of roles, the parts that a verb is about.
std::string quotas_to_json(const std::vector<core::RoleSummary>& roles, bool lines);
std::string weights_to_json(const std::vector<core::RoleSummary>& roles, bool lines);
std::string volumes_to_json(const std::vector<VolumeRow>& rows, bool lines);

// One object in one line.
std::string to_json(const core::Explanation& explanation);

struct VersionInfo {
  std::string version;
  std::string commit;  // empty: unknown
  std::string allocator;
  std::string allocator_version;
  std::string compiler;
  int protocol = 0;
};
std::string to_json(const VersionInfo& info);

// {"master":"127.0.0.1:7070","url":"http://127.0.0.1:7070","pid":42}
std::string ready_json(const std::string& master, int pid);

// The "master" of such a file; "" when it is not one.
std::string master_of_ready_json(const std::string& text);

}  // namespace shoal::cli
