// Writes a tar archive (ustar, POSIX.1-1988), compressed by gzip.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace shoal::cli {

inline constexpr std::size_t kMaxTarNameBytes = 100;

class TarGzWriter {
 public:
  // A new file that only its owner may read; one that is there already is left alone. Errors:
  // ALREADY_EXISTS, and INTERNAL with the reason.
  static absl::StatusOr<std::unique_ptr<TarGzWriter>> create(const std::string& path);
  // Without finish() the file is no archive; it is removed.
  ~TarGzWriter();
  TarGzWriter(const TarGzWriter&) = delete;
  TarGzWriter& operator=(const TarGzWriter&) = delete;

  // A file that everybody may read, below 8 GiB. `wall_s`: when it is from, seconds since 1970.
  // Errors: INVALID_ARGUMENT (the name is empty or longer than kMaxTarNameBytes), INTERNAL.
  absl::Status add(std::string_view name, std::string_view contents, std::int64_t wall_s);
  // The end of the archive, on the disk as far as the system takes it. Call last. Errors: INTERNAL.
  absl::Status finish();

 private:
  struct File;
  explicit TarGzWriter(std::unique_ptr<File> file);
  absl::Status write(std::string_view bytes);

  std::unique_ptr<File> file_;
};

// The 512 bytes before a file's contents.
std::string tar_header(std::string_view name, std::uint64_t size, std::int64_t wall_s);

}  // namespace shoal::cli
