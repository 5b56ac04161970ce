#include "provisioning/file_news.h"

#include <gtest/gtest.h>

namespace anchord::control {
namespace {

std::vector<std::string> lines(FileNews& news) {
  std::vector<std::string> out;
  for (const FileNews::Line& line : news.take())
    out.push_back((line.is_warning ? "warning: " : "") + line.text);
  return out;
}
using Lines = std::vector<std::string>;

TEST(FileNews, OneLineForOneCause) {
  FileNews news;
  for (int i = 0; i < 4900; ++i) news.odd("f" + std::to_string(i), "cannot be read: Permission denied");
  news.odd("a.xml", "is odd");
  EXPECT_EQ(lines(news),
            (Lines{"warning: 4900 files ('f0', 'f1', 'f2' and 4897 more): cannot be read: Permission denied",
                   "warning: 'a.xml' is odd"}));
  EXPECT_EQ(lines(news), Lines{});
  for (int i = 0; i < 4900; ++i) news.good_again("f" + std::to_string(i));
  EXPECT_EQ(lines(news), Lines{"4900 files ('f0', 'f1', 'f2' and 4897 more) are good now, or gone"});
  news.good_again("a.xml");
  EXPECT_EQ(lines(news), Lines{"'a.xml' is good now, or gone"});
}

TEST(FileNews, CausesAreBounded) {
  FileNews news;
  for (int i = 0; i < 4900; ++i) news.odd("f", "line " + std::to_string(i));
  const Lines said = lines(news);
  EXPECT_EQ(said.size(), FileNews::kMaxCauses + 1);
  EXPECT_EQ(said.back(), "warning: 4880 more files for other reasons: see 'anchorctl status'");
}

TEST(FileNews, NamesWhatHasChanged) {
  FileNews news;
  news.changed("a");
  EXPECT_EQ(lines(news), Lines{"files: changed 'a'"});
  for (const char* name : {"a", "b", "c", "d", "e"}) news.changed(name);
  news.added("n");
  news.gone("x");
  news.gone("y");
  EXPECT_EQ(lines(news), Lines{"files: new 'n'; changed 'a', 'b', 'c' and 2 more; gone 'x', 'y'"});
}

}  // namespace
}  // namespace anchord::control
