// What an agent runs. A description that decodes must encode, and decode again to the same bytes.
#include <cstdint>
#include <cstdlib>

#include "wire/task_description.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto task = shoal::wire::decode_task_description({data, size});
  if (!task.ok()) return 0;
  const auto bytes = shoal::wire::encode_task_description(*task);
  // Shared texts are written apart, so the result may pass the limit of the whole; nothing else may
  // go wrong.
  if (!bytes.ok()) {
    if (size * 9 + 4096 < shoal::core::kMaxTaskDescriptionBytes) std::abort();
    return 0;
  }
  const auto again = shoal::wire::decode_task_description(*bytes);
  if (!again.ok()) std::abort();
  if (*shoal::wire::encode_task_description(*again) != *bytes) std::abort();
  return 0;
}
