// What a new agent reads of the one before: the records of a run, and the log of updates. Any bytes
// are refused with a reason, or understood within bounds.
#include <cstdint>
#include <cstdlib>

#include "agent/checkpoint.h"
#include "agent/update_history.h"

namespace {

void check_history(shoal::wire::Bytes bytes) {
  const shoal::agent::ReadHistory read = shoal::agent::read_history(bytes);
  if (read.lost_bytes > bytes.size()) std::abort();
  if (read.records == 0 && !read.history.tasks().empty()) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const shoal::wire::Bytes bytes(data, size);
  const shoal::agent::RunId id{"f-00000000000000f1", "t.1", "run"};
  const auto task = shoal::agent::decode_task_record(bytes, id);
  if (task.ok() && task->id != id.task_id) std::abort();
  if (!task.ok() && task.status().message().empty()) std::abort();
  const auto exit = shoal::agent::decode_exit_record(bytes);
  if (exit.ok() && (exit->exit.code_or_signal < 0 || exit->exit.code_or_signal > 255)) std::abort();
  const auto supervisor = shoal::agent::decode_supervisor_record(bytes);
  if (supervisor.ok() && supervisor->pid <= 1) std::abort();
  check_history(bytes);
  return 0;
}
