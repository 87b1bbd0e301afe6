// What values need in a frame, at most: bytes and FlatBuffers tables of their encoding. A message
// that holds many of them stays within a frame because whoever lets them grow asks here first.
#pragma once

#include <cstddef>
#include <string_view>

#include "core/limits.h"
#include "core/resources.h"

namespace shoal::core {

struct FrameCost {
  std::size_t bytes = 0;
  std::size_t tables = 0;

  FrameCost& operator+=(const FrameCost& other) {
    bytes += other.bytes;
    tables += other.tables;
    return *this;
  }
  FrameCost& operator-=(const FrameCost& other) {
    bytes -= other.bytes;
    tables -= other.tables;
    return *this;
  }
  bool within(const FrameCost& limit) const {
    return bytes <= limit.bytes && tables <= limit.tables;
  }
  bool operator==(const FrameCost&) const = default;
};

// Of everything that an agent has, an offer holds or a task needs.
inline constexpr FrameCost kMaxResourceCost{kMaxResourceBytes, kMaxResourceTables};
// Of the task reports of one message, and of all tasks of an agent together.
inline constexpr FrameCost kMaxTaskReportsCost{kMaxTaskReportsBytes, kMaxTaskReportsTables};
inline constexpr FrameCost kMaxTaskReportsOfAgent{kMaxTaskReportsBytes * kTaskReportsOfAgent,
                                                  kMaxTaskReportsTables* kTaskReportsOfAgent};

FrameCost frame_cost(const Resources& resources);

// One task in a RegisterAgent or TaskReports.
FrameCost task_report_cost(std::string_view id, std::string_view name, std::string_view role,
                           const Resources& resources);

}  // namespace shoal::core
