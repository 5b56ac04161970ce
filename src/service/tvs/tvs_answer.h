// The Trust Verification Service without its transport: a whole request in, a
// whole response out (docs/formats.md, "TVS").
#pragma once

#include <array>

#include "anchord/base/reader.h"
#include "anchord/base/writer.h"
#include "anchord/crypto/digest.h"
#include "anchord/index/snapshot.h"
#include "anchord/service/activity_log.h"

namespace anchord::service {

// The digests of the certificates that lists are signed with: few, and asked for by every
// phone that boots, so that none is computed twice in one view.
class SignerDigests {
 public:
  const crypto::Sha256& of(const index::CertificateRecord& signer, std::uint64_t view);

 private:
  struct Entry {
    const index::CertificateRecord* signer = nullptr;
    std::uint64_t view = 0;
    crypto::Sha256 digest{};
  };
  std::array<Entry, 16> entries_;  // by the record's place
};

// Answers one request message from the snapshot. A request that is not well
// formed is an error, and nothing is written. When `out` is too small it
// overflows (out.ok() is false) and the caller asks again with more room.
// `record` is filled with what was asked and answered. What is vouched for only while it is valid
// is unknown once it has ended by `now`.
Parsed<void> answer_tvs(Bytes message, const index::Snapshot& snapshot, SignerDigests& digests,
                        UnixSeconds now, Writer& out, Question& record);

}  // namespace anchord::service
