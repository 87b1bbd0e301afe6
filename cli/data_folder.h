// The folder of a cluster that a verb starts: a given one, or a temporary one.
#pragma once

#include <string>

#include "absl/status/status.h"

namespace shoal::cli {

class DataFolder {
 public:
  // Makes `wanted`, or when it is empty a temporary folder "<kind>-XXXXXX". Errors: INTERNAL, with
  // the reason.
  absl::Status prepare(const std::string& wanted, const std::string& kind);
  // A temporary one is removed with all that is in it.
  ~DataFolder();
  const std::string& path() const { return path_; }
  bool is_temporary() const { return is_temporary_; }

 private:
  std::string path_;
  bool is_temporary_ = false;
};

}  // namespace shoal::cli
