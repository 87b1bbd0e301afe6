#include "net/curl_library.h"

#include <dlfcn.h>
#include <fmt/core.h>

#include "core/text.h"

namespace shoal::net {
namespace {

constexpr const char* kFile = "libcurl.so.4";

class Loading {
 public:
  Loading() : handle_(::dlopen(kFile, RTLD_NOW | RTLD_LOCAL)) {
    if (handle_ == nullptr) complain();
  }

  template <typename Function>
  void find(const char* name, Function* function) {
    if (!why_.ok()) return;
    *function = reinterpret_cast<Function>(::dlsym(handle_, name));
    if (*function == nullptr) complain();
  }

  const absl::Status& why() const { return why_; }

 private:
  void complain() {
    const char* text = ::dlerror();
    why_ = absl::FailedPreconditionError(
        fmt::format("libcurl is needed to ask etcd (Debian: libcurl4): {}",
                    text == nullptr ? kFile : core::printable(text, 400)));
  }

  void* handle_;  // never closed
  absl::Status why_;
};

absl::StatusOr<CurlLibrary> load() {
  CurlLibrary curl;
  Loading loading;
  loading.find("curl_global_init", &curl.global_init);
  loading.find("curl_easy_init", &curl.easy_init);
  loading.find("curl_easy_cleanup", &curl.easy_cleanup);
  loading.find("curl_easy_reset", &curl.easy_reset);
  loading.find("curl_easy_perform", &curl.easy_perform);
  loading.find("curl_easy_setopt", &curl.easy_setopt);
  loading.find("curl_easy_getinfo", &curl.easy_getinfo);
  loading.find("curl_easy_strerror", &curl.easy_strerror);
  loading.find("curl_multi_init", &curl.multi_init);
  loading.find("curl_multi_cleanup", &curl.multi_cleanup);
  loading.find("curl_multi_add_handle", &curl.multi_add_handle);
  loading.find("curl_multi_remove_handle", &curl.multi_remove_handle);
  loading.find("curl_multi_perform", &curl.multi_perform);
  loading.find("curl_multi_poll", &curl.multi_poll);
  loading.find("curl_multi_wakeup", &curl.multi_wakeup);
  loading.find("curl_multi_info_read", &curl.multi_info_read);
  loading.find("curl_multi_strerror", &curl.multi_strerror);
  loading.find("curl_slist_append", &curl.slist_append);
  loading.find("curl_slist_free_all", &curl.slist_free_all);
  if (!loading.why().ok()) return loading.why();
  curl.global_init(
      CURL_GLOBAL_DEFAULT);  // what fails here fails again with a reason when it is used
  return curl;
}

}  // namespace

const absl::StatusOr<CurlLibrary>& curl_library() {
  static const auto* const library = new absl::StatusOr<CurlLibrary>(load());
  return *library;
}

}  // namespace shoal::net
