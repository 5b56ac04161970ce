// The Trust Verification Service without its transport: a whole request in, a
// whole response out (docs/formats.md, "TVS").
#pragma once

#include "anchord/base/reader.h"
#include "anchord/base/writer.h"
#include "anchord/index/snapshot.h"
#include "anchord/service/activity_log.h"

namespace anchord::service {

// Answers one request message from the snapshot. A request that is not well
// formed is an error, and nothing is written. When `out` is too small it
// overflows (out.ok() is false) and the caller asks again with more room.
// `record` is filled with what was asked and answered.
Parsed<void> answer_tvs(Bytes message, const index::Snapshot& snapshot, Writer& out, Question& record);

}  // namespace anchord::service
