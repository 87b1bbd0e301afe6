// libcurl, loaded when it is first needed: only who asks an etcd needs it, and libcurl
// brings some forty libraries along, which took as long to load as all else that a command does at
// its start (docs/PERFORMANCE.md).
//
// Threads: any.
#pragma once

#define CURL_DISABLE_TYPECHECK  // its macros would stand in for the functions
#include <curl/curl.h>

#include "absl/status/statusor.h"

namespace shoal::net {

// Its functions, by their names without "curl_".
struct CurlLibrary {
  decltype(&curl_global_init) global_init = nullptr;
  decltype(&curl_easy_init) easy_init = nullptr;
  decltype(&curl_easy_cleanup) easy_cleanup = nullptr;
  decltype(&curl_easy_reset) easy_reset = nullptr;
  decltype(&curl_easy_perform) easy_perform = nullptr;
  decltype(&curl_easy_setopt) easy_setopt = nullptr;
  decltype(&curl_easy_getinfo) easy_getinfo = nullptr;
  decltype(&curl_easy_strerror) easy_strerror = nullptr;
  decltype(&curl_multi_init) multi_init = nullptr;
  decltype(&curl_multi_cleanup) multi_cleanup = nullptr;
  decltype(&curl_multi_add_handle) multi_add_handle = nullptr;
  decltype(&curl_multi_remove_handle) multi_remove_handle = nullptr;
  decltype(&curl_multi_perform) multi_perform = nullptr;
  decltype(&curl_multi_poll) multi_poll = nullptr;
  decltype(&curl_multi_wakeup) multi_wakeup = nullptr;
  decltype(&curl_multi_info_read) multi_info_read = nullptr;
  decltype(&curl_multi_strerror) multi_strerror = nullptr;
  decltype(&curl_slist_append) slist_append = nullptr;
  decltype(&curl_slist_free_all) slist_free_all = nullptr;
};

// Loaded, and global_init() called, by the first call; it stays. Errors: FAILED_PRECONDITION, with
// what is missing.
const absl::StatusOr<CurlLibrary>& curl_library();

}  // namespace shoal::net
