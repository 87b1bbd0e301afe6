#include "net/helper_thread.h"

#include <pthread.h>
#include <signal.h>

#include <utility>

namespace shoal::net {

std::thread start_helper_thread(std::function<void()> work) {
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread thread(std::move(work));
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return thread;
}

}  // namespace shoal::net
