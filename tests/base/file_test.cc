#include "anchord/base/file.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

namespace anchord {
namespace {

namespace fs = std::filesystem;

TEST(WriteFile, TakesThePlaceOfFilesAlone) {
  std::string pattern = (fs::temp_directory_path() / "anchord-file-XXXXXX").string();
  const fs::path folder = ::mkdtemp(pattern.data());
  EXPECT_TRUE(write_file(folder / "file", as_bytes("one"), 0600));
  EXPECT_TRUE(write_file(folder / "file", as_bytes("two"), 0600));
  EXPECT_EQ(as_text(read_file(folder / "file", 10).value()), "two");
  // As root it could be a device.
  ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
  fs::create_symlink("pipe", folder / "link");
  for (const char* name : {"pipe", "link"})
    EXPECT_NE(write_file(folder / name, as_bytes("x"), 0600).error().text.find("no ordinary file"),
              std::string::npos);
  EXPECT_TRUE(fs::is_fifo(folder / "pipe"));
  fs::remove_all(folder);
}

TEST(IsWrittenAside, GoesByTheName) {
  EXPECT_TRUE(is_written_aside("SEP001122334455.cnf.xml.new-a1B2c3"));
  for (const char* name : {"", ".new-a1B2c3", "SEP001122334455.cnf.xml", "x.new-a1B2c", "x.new-a1B2c3.xml"})
    EXPECT_FALSE(is_written_aside(name)) << name;
}

}  // namespace
}  // namespace anchord
