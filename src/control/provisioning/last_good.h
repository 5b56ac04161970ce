// Copies of what was last good of the files that are broken now, so that phones get it
// after a restart too: DIR/last-good/NAME. There is none of any other file.
//
// A copy holds what its file held, secrets too: nobody but the service's user reads it.
// Names are those of Folder. Reading may go on in several threads at once.
#pragma once

#include <cstdint>
#include <filesystem>
#include <set>
#include <string>

#include "anchord/base/bytes.h"
#include "anchord/base/error.h"

namespace anchord::control {

class LastGood {
 public:
  // Finds the copies that are there; makes nothing.
  explicit LastGood(std::filesystem::path folder);

  const std::set<std::string>& names() const { return names_; }
  bool holds(const std::string& name) const { return names_.contains(name); }
  Result<Buffer> read(const std::string& name, std::uint64_t max_size) const;

  // The size of the copy in bytes; 0 when there is none.
  std::uint64_t size(const std::string& name) const;
  Status keep(const std::string& name, Bytes content);
  // Does nothing where there is none.
  Status forget(const std::string& name);

 private:
  std::filesystem::path folder_;
  std::set<std::string> names_;
};

}  // namespace anchord::control
