// Runs a fuzz target over the files of the folders it is given, once each: the
// corpus as a test where there is no libFuzzer. Fails when there is nothing to run.
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include "fuzz.h"

namespace {

bool replay(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  // Exactly as large as the file, so that a sanitizer sees a read past its end.
  const std::vector<char> content{std::istreambuf_iterator<char>(file), {}};
  if (!file) {
    std::fprintf(stderr, "cannot read %s\n", path.c_str());
    return false;
  }
  std::printf("%s\n", path.c_str());
  std::fflush(stdout);  // names the input at which the target ends us
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(content.data()), content.size());
  return true;
}

}  // namespace

int main(int count, char** arguments) {
  std::size_t run = 0;
  for (int i = 1; i < count; ++i) {
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(arguments[i], error)) {
      if (!replay(entry.path())) return 1;
      ++run;
    }
  }
  if (run == 0) std::fprintf(stderr, "no inputs: give the folder of a corpus\n");
  return run == 0 ? 1 : 0;
}
