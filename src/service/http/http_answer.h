// The file service without its transport: a request in, a head out, and which bytes of
// which file follow it.
//
// GET and HEAD of the snapshot's files and nothing else: no folders, no listings, and
// one answer for all that is not there. A query names no file.
#pragma once

#include <string_view>

#include "anchord/base/writer.h"
#include "anchord/wire/http.h"
#include "context/shard_context.h"

namespace anchord::service {

// What answers are made of.
struct HttpService {
  ShardContext& shard;
  Protocol protocol;
  HttpCounters counters;
  LatencyHistogram& answer_time;
  wire::HttpDate date;
};

// The longest answer but for a file's bytes.
constexpr std::size_t kMaxHttpAnswer = wire::kMaxHttpResponseHead + 16;

struct HttpAnswer {
  bool keep_alive = false;  // whether more requests may follow
  // The bytes that follow the head: [begin, end) of the file's two parts. In the view
  // that is in use; nullptr when none follow.
  const index::FileEntry* file = nullptr;
  std::size_t begin = 0;
  std::size_t end = 0;
  bool whole = false;    // all of the file
  ShortText<15> device;  // of the name that was asked for
};

// Writes what comes before the file's bytes; there are kMaxHttpAnswer bytes of room.
HttpAnswer answer_http(const wire::HttpRequest& request, const io::Host& from, HttpService& service,
                       Writer& out);

// The answer to what is not a request, after which the connection ends.
void refuse_http(wire::HttpStatus status, const io::Host& from, HttpService& service, Writer& out);

}  // namespace anchord::service
