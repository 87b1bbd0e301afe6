// The verbs that look: agents, frameworks, tasks, offers, roles.
#pragma once

#include <string>

#include "cli/options.h"
#include "cli/terminal.h"
#include "core/cluster_view.h"

namespace shoal::cli {

int run_list(const ListVerb& verb);

// `now_ms`: wall clock, for ages. With `detailed`, every object is a block of "name: value" lines.
std::string render_list(const core::ClusterView& view, core::QueryKind kind, bool detailed,
                        const Terminal& terminal, std::int64_t now_ms);

// The ids, one a line.
std::string render_names(const core::ClusterView& view, core::QueryKind kind);

}  // namespace shoal::cli
