#include "net/wake.h"

#include <uv.h>

#include <atomic>

namespace shoal::net {

void wake(uv_async_s* async) {
  std::atomic_thread_fence(std::memory_order_seq_cst);
  uv_async_send(async);
}

void woken() { std::atomic_thread_fence(std::memory_order_seq_cst); }

}  // namespace shoal::net
