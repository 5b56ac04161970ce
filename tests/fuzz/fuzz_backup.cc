// A backup's header, and what is inside of one after decryption: what is read is written as
// it was, however it comes in pieces, and leads nowhere else.
#include <algorithm>

#include "backup/archive.h"
#include "backup/sealed_file.h"
#include "fuzz.h"

using namespace anchord;
using namespace anchord::store;
using fuzz::require;

namespace {

struct Contents {
  bool good = false;
  Buffer bytes;  // written anew
};

Contents read_all(Bytes input, std::size_t piece) {
  EntryReader reader([&]() -> Result<Bytes> {
    Bytes out = input.first(std::min(piece, input.size()));
    input = input.subspan(out.size());
    return out;
  });
  Contents contents;
  auto append = [&](Bytes bytes) { contents.bytes.insert(contents.bytes.end(), bytes.begin(), bytes.end()); };
  for (std::uint64_t entries = 0;; ++entries) {
    auto entry = reader.next();
    if (!entry) return contents;
    if (!*entry) {
      append(write_end(entries));
      contents.good = true;
      return contents;
    }
    require(belongs_in_backup((*entry)->kind, (*entry)->path), "an entry belongs in a backup");
    require((*entry)->mode <= 0777, "a mode is one");
    append(write_entry(**entry));
    std::uint64_t size = 0;
    for (;;) {
      auto content = reader.content();
      if (!content) return contents;
      if (content->empty()) break;
      append(*content);
      size += content->size();
    }
    require(size == (*entry)->size, "a file has its size");
  }
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Bytes input(data, size);
  if (auto header = read_sealed_header(input))
    require(same_bytes(write_sealed_header(*header), input.first(kSealedHeader)),
            "a header is written as it was");

  Contents whole = read_all(input, size + 1);
  Contents in_pieces = read_all(input, 3);
  require(whole.good == in_pieces.good, "the pieces do not matter");
  if (whole.good) {
    require(same_bytes(whole.bytes, input), "what was read is written as it was");
    require(same_bytes(in_pieces.bytes, input), "in pieces, too");
  }
  return 0;
}
