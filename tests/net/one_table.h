// Whether this build can watch threads with descriptor tables of their own.
#pragma once

namespace shoal::net::testing {

// ThreadSanitizer takes equal numbers of different tables for one descriptor.
#if defined(__SANITIZE_THREAD__)
inline constexpr bool kOneTableOnly = true;
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
inline constexpr bool kOneTableOnly = true;
#else
inline constexpr bool kOneTableOnly = false;
#endif
#else
inline constexpr bool kOneTableOnly = false;
#endif

}  // namespace shoal::net::testing
