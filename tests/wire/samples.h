// Files and messages for the tests: the vectors, and ones put together item by item.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <initializer_list>
#include <string>

#include "anchord/base/file.h"
#include "anchord/base/hex.h"
#include "anchord/wire/header.h"

namespace anchord::wire::test {

inline Buffer vector_file(const std::string& name) {
  auto content = read_file(std::filesystem::path(ANCHORD_TEST_DATA) / name, 1 << 20);
  EXPECT_TRUE(content) << name;
  return content ? *content : Buffer{};
}

inline Buffer vector_hex(const std::string& name) {
  auto content = from_hex(as_text(vector_file(name)));
  EXPECT_TRUE(content) << name;
  return content ? *content : Buffer{};
}

inline Buffer join(std::initializer_list<Buffer> parts) {
  Buffer out;
  for (const Buffer& part : parts) out.insert(out.end(), part.begin(), part.end());
  return out;
}

inline Buffer text(std::string_view value) {
  return to_buffer(as_bytes(value));
}

inline Buffer item(unsigned tag, const Buffer& value) {
  Buffer out(3 + value.size());
  out[0] = static_cast<std::uint8_t>(tag);
  out[1] = static_cast<std::uint8_t>(value.size() >> 8);
  out[2] = static_cast<std::uint8_t>(value.size());
  std::ranges::copy(value, out.begin() + 3);
  return out;
}

inline Buffer name_item(unsigned tag, const std::string& name) {
  return item(tag, text(std::string_view(name.c_str(), name.size() + 1)));
}

// "item 'x' at offset 7: is missing", or "no error".
template <class T>
std::string error_of(const Parsed<T>& parsed) {
  return parsed ? "no error" : parsed.error().text();
}

// The parts of a header, each to be changed or left out.
struct HeaderParts {
  Buffer version = {1, 2};
  Buffer signer_info = item(3, join({name_item(4, "CN=a"), name_item(6, "CN=b"), item(5, {1, 2})}));
  Buffer signature_info = item(7, join({item(8, {1}), item(9, join({item(10, {0}), item(11, {0})}))}));
  Buffer signature = item(12, Buffer(64, 0x5a));
  Buffer file_name = name_item(14, "F.tlv");
  Buffer timestamp = item(15, {0x50, 0, 0, 1});
  Buffer more;  // after them all

  Buffer file() const {
    Buffer rest = join({signer_info, signature_info, signature, file_name, timestamp, more});
    std::size_t length = 10 + rest.size();
    return join({item(1, version),
                 item(2, {static_cast<std::uint8_t>(length >> 8), static_cast<std::uint8_t>(length)}), rest});
  }
};

}  // namespace anchord::wire::test
