// What a change to the index of certificates takes: the memory of what it touches.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "../failing_new.h"
#include "anchord/index/certificate_index.h"

namespace anchord::index {
namespace {

std::int64_t taken_by_changing(const CertificateIndex& index, const CertificateChange& change) {
  restart_peak();
  const CertificateIndex changed = index.with({&change, 1});
  EXPECT_NE(changed.size(), index.size());
  return peak_elsewhere();
}

TEST(CertificateIndexMemory, AChangeSharesAllElse) {
  std::vector<std::string> ders;
  std::vector<CertificateChange> changes;
  for (int i = 0; i < 20'000; ++i) ders.push_back("certificate " + std::to_string(i));
  for (std::size_t i = 0; i < ders.size(); ++i) {
    const std::uint64_t key = i * 0x9e3779b97f4a7c15;  // keys are hashes
    changes.push_back(
        {.der = as_bytes(ders[i]), .roles = as_bytes("\x01"), .ttl = 1, .name_key = key, .serial_key = key});
  }
  const CertificateIndex index = CertificateIndex().with(changes);
  const auto memory = index.memory();
  const auto all = static_cast<std::int64_t>(memory.der + memory.overhead);
  const CertificateChange more{.der = as_bytes("one more"), .roles = as_bytes("\x01"), .ttl = 1};
  EXPECT_GT(taken_by_changing(CertificateIndex(), changes.front()), 0);
  EXPECT_LT(taken_by_changing(index, more), all / 20);
  const CertificateChange less{.kind = CertificateChange::Kind::remove, .der = as_bytes(ders[77])};
  EXPECT_LT(taken_by_changing(index, less), all / 20);
}

}  // namespace
}  // namespace anchord::index
