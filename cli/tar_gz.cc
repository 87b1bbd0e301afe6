#include "cli/tar_gz.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "core/status.h"
#include "core/text.h"

namespace shoal::cli {
namespace {

constexpr std::size_t kBlock = 512;
constexpr std::uint64_t kMaxFileBytes = std::uint64_t{8} << 30U;  // 11 octal digits
constexpr std::size_t kPortion = std::size_t{1} << 20U;

// Where a header has what.
struct Field {
  std::size_t at;
  std::size_t size;
};
constexpr Field kName{0, 100};
constexpr Field kMode{100, 8};
constexpr Field kOwner{108, 8};
constexpr Field kGroup{116, 8};
constexpr Field kSize{124, 12};
constexpr Field kTime{136, 12};
constexpr Field kSum{148, 8};
constexpr Field kType{156, 1};
constexpr Field kMagic{257, 8};

void put(std::string& header, const Field& field, std::string_view text) {
  header.replace(field.at, std::min(text.size(), field.size),
                 text.substr(0, std::min(text.size(), field.size)));
}

// Digits to the field's end but one, which stays 0.
void put_octal(std::string& header, const Field& field, std::uint64_t value) {
  put(header, field, fmt::format("{:0{}o}", value, field.size - 1));
}

}  // namespace

std::string tar_header(std::string_view name, std::uint64_t size, std::int64_t wall_s) {
  std::string header(kBlock, '\0');
  put(header, kName, name);
  put_octal(header, kMode, 0644);
  put_octal(header, kOwner, 0);
  put_octal(header, kGroup, 0);
  put_octal(header, kSize, size);
  put_octal(header, kTime, static_cast<std::uint64_t>(std::max<std::int64_t>(wall_s, 0)));
  put(header, kType, "0");
  put(header, kMagic, std::string_view("ustar\00000", 8));
  put(header, kSum, "        ");  // counts as blanks
  std::uint64_t sum = 0;
  for (const char c : header) sum += static_cast<unsigned char>(c);
  put(header, kSum, fmt::format("{:06o}", sum) + std::string("\0 ", 2));
  return header;
}

struct TarGzWriter::File {
  File(std::string where, gzFile stream) : path(std::move(where)), gz(stream) {}
  ~File() {
    if (gz == nullptr) return;
    gzclose(gz);
    ::unlink(path.c_str());
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  absl::Status failure() const {
    int code = Z_OK;
    const char* text = gz == nullptr ? "" : gzerror(gz, &code);
    const bool is_system = code == Z_ERRNO || *text == '\0';
    return absl::InternalError(
        fmt::format("{}: {}", core::printable(path, 400), is_system ? std::strerror(errno) : text));
  }

  std::string path;
  gzFile gz;  // nullptr: finished
};

TarGzWriter::TarGzWriter(std::unique_ptr<File> file) : file_(std::move(file)) {}
TarGzWriter::~TarGzWriter() = default;

absl::StatusOr<std::unique_ptr<TarGzWriter>> TarGzWriter::create(const std::string& path) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) {
    const int error = errno;
    const std::string why = fmt::format("{}: {}", core::printable(path, 400), std::strerror(error));
    return error == EEXIST ? absl::AlreadyExistsError(why) : absl::InternalError(why);
  }
  const gzFile gz = gzdopen(fd, "wb");
  if (gz == nullptr) {
    ::close(fd);
    ::unlink(path.c_str());
    return absl::InternalError(fmt::format("{}: no memory", core::printable(path, 400)));
  }
  return std::unique_ptr<TarGzWriter>(new TarGzWriter(std::make_unique<File>(path, gz)));
}

absl::Status TarGzWriter::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const std::size_t size = std::min(bytes.size(), kPortion);
    if (gzwrite(file_->gz, bytes.data(), static_cast<unsigned>(size)) <= 0) {
      return file_->failure();
    }
    bytes.remove_prefix(size);
  }
  return absl::OkStatus();
}

absl::Status TarGzWriter::add(std::string_view name, std::string_view contents,
                              std::int64_t wall_s) {
  if (name.empty() || name.size() > kMaxTarNameBytes || contents.size() >= kMaxFileBytes) {
    return core::invalid("'{}' does not fit into an archive", core::printable(name, 200));
  }
  const std::string padding((kBlock - contents.size() % kBlock) % kBlock, '\0');
  const std::string header = tar_header(name, contents.size(), wall_s);
  for (const std::string_view part :
       {std::string_view(header), contents, std::string_view(padding)}) {
    if (absl::Status written = write(part); !written.ok()) return written;
  }
  return absl::OkStatus();
}

absl::Status TarGzWriter::finish() {
  if (absl::Status written = write(std::string(2 * kBlock, '\0')); !written.ok()) return written;
  const int code = gzclose(std::exchange(file_->gz, nullptr));
  if (code == Z_OK) return absl::OkStatus();
  absl::Status why = file_->failure();
  ::unlink(file_->path.c_str());
  return why;
}

}  // namespace shoal::cli
