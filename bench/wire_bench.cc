// The codecs: what it costs to read and to write each message and file once, in memory.
// What is read is checked before it is timed, and what is written is as it was read.
#include <benchmark/benchmark.h>

#include <array>
#include <variant>

#include "anchord/wire/http.h"
#include "anchord/wire/signed_file.h"
#include "anchord/wire/tftp.h"
#include "anchord/wire/trust_list.h"
#include "anchord/wire/tvs.h"
#include "samples.h"

namespace anchord::wire {
namespace {

using bench::sample_file;
using bench::sample_hex;

// Reads `bytes` again and again with `parse`.
template <class Parse>
void read_again(benchmark::State& state, const Buffer& bytes, Parse&& parse) {
  if (!parse(bytes)) state.SkipWithError("it cannot be read");
  for (auto _ : state) benchmark::DoNotOptimize(parse(bytes));
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(bytes.size()));
}

// Writes with `write` again and again into the same room.
template <class Write>
void write_again(benchmark::State& state, Write&& write) {
  std::array<std::uint8_t, 4096> room;
  std::size_t size = 0;
  for (auto _ : state) {
    Writer out{room};
    write(out);
    size = out.ok() ? out.size() : 0;
    benchmark::DoNotOptimize(room);
    benchmark::ClobberMemory();
  }
  if (size == 0) state.SkipWithError("it does not fit");
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(size));
}

void trust_list_parse(benchmark::State& state) {
  read_again(state, sample_file("sha512/ITLFile.tlv"), [](Bytes file) { return parse_trust_list(file); });
}
BENCHMARK(trust_list_parse);

void trust_list_build(benchmark::State& state) {
  const Buffer file = sample_file("sha512/ITLFile.tlv");
  const TrustList list = parse_trust_list(file).value();
  const Buffer signature = to_buffer(list.header.signature);
  auto build = [&] { return insert_signature(*build_trust_list(list.header, list.records), signature); };
  if (build() != file) state.SkipWithError("another list is written");
  for (auto _ : state) benchmark::DoNotOptimize(build());
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(file.size()));
}
BENCHMARK(trust_list_build);

void signed_header_parse(benchmark::State& state) {
  read_again(state, sample_file("sha512/SEP001122334455.cnf.xml.sgn"),
             [](Bytes file) { return parse_header(file); });
}
BENCHMARK(signed_header_parse);

void encrypted_header_parse(benchmark::State& state) {
  read_again(state, sample_file("sha512/SEP001122334455.cnf.xml.enc.sgn"),
             [](Bytes file) { return parse_header(file); });
}
BENCHMARK(encrypted_header_parse);

// Without content: the header does not depend on it.
void signed_header_build(benchmark::State& state) {
  const Buffer file = sample_file("sha512/SEP001122334455.cnf.xml.sgn");
  const SignedFile parsed = parse_signed_file(file).value();
  const Buffer signature = to_buffer(parsed.header.signature);
  auto build = [&] { return insert_signature(*build_signed_file(parsed.header, {}), signature); };
  if (!same_bytes(build(), Bytes(file).first(parsed.header.length)))
    state.SkipWithError("another header is written");
  for (auto _ : state) benchmark::DoNotOptimize(build());
}
BENCHMARK(signed_header_build);

void tvs_verify_request_parse(benchmark::State& state) {
  read_again(state, sample_hex("tvs/verify-request.hex"), parse_tvs_request);
}
BENCHMARK(tvs_verify_request_parse);

void tvs_query_request_parse(benchmark::State& state) {
  read_again(state, sample_hex("tvs/query-request-tftp.hex"), parse_tvs_request);
}
BENCHMARK(tvs_query_request_parse);

void tvs_verify_request_write(benchmark::State& state) {
  const Buffer message = sample_hex("tvs/verify-request.hex");
  const VerifyRequest request = std::get<VerifyRequest>(parse_tvs_request(message).value());
  write_again(state, [&](Writer& out) { write_verify_request(out, request); });
}
BENCHMARK(tvs_verify_request_write);

void tvs_verify_response_write(benchmark::State& state) {
  const std::array<std::uint8_t, 2> roles{0, 1};
  write_again(state, [&](Writer& out) { write_verify_response(out, 7, true, roles, 86400); });
}
BENCHMARK(tvs_verify_response_write);

void tvs_query_response_write(benchmark::State& state) {
  const Buffer message = sample_hex("tvs/query-response-tftp.hex");
  const TvsResponse r = parse_tvs_response(message).value();
  write_again(state, [&](Writer& out) {
    write_query_response(out, r.session, r.certificate, r.roles, r.ttl.value_or(0));
  });
}
BENCHMARK(tvs_query_response_write);

void tvs_query_response_parse(benchmark::State& state) {
  read_again(state, sample_hex("tvs/query-response-tftp.hex"), parse_tvs_response);
}
BENCHMARK(tvs_query_response_parse);

// One packet of each kind, as `write` makes it.
template <class Write>
void tftp_parse(benchmark::State& state, Write&& write) {
  Buffer packet(kMaxTftpRequest);
  Writer out{packet};
  write(out);
  packet.resize(out.size());
  read_again(state, packet, parse_tftp);
}

const TftpOptions kOptions{.blksize = 1428, .tsize = 0, .windowsize = 16};

void tftp_request_parse(benchmark::State& state) {
  tftp_parse(state, [](Writer& out) {
    write_tftp_request(out, {.file = "SEP001122334455.cnf.xml.sgn", .options = kOptions});
  });
}
BENCHMARK(tftp_request_parse);

void tftp_ack_parse(benchmark::State& state) {
  tftp_parse(state, [](Writer& out) { write_tftp_ack(out, 300); });
}
BENCHMARK(tftp_ack_parse);

void tftp_oack_write(benchmark::State& state) {
  write_again(state, [](Writer& out) { write_tftp_oack(out, kOptions); });
}
BENCHMARK(tftp_oack_write);

void tftp_data_header_write(benchmark::State& state) {
  std::uint16_t block = 0;
  write_again(state, [&](Writer& out) { write_tftp_data_header(out, ++block); });
}
BENCHMARK(tftp_data_header_write);

// As phones ask, and as a browser does, with many fields that are not looked at.
constexpr std::string_view kPhoneHead =
    "GET /SEP001122334455.cnf.xml.sgn HTTP/1.1\r\n"
    "Host: 192.0.2.10:6970\r\n"
    "User-Agent: Cisco/8861\r\n"
    "Accept: */*\r\n"
    "Connection: keep-alive\r\n\r\n";
constexpr std::string_view kBrowserHead =
    "GET /New_Zealand/g3-tones.xml.sgn HTTP/1.1\r\n"
    "Host: cucm1.example.com:6970\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n"
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n"
    "Accept-Language: en-GB,en;q=0.5\r\n"
    "Accept-Encoding: gzip, deflate\r\n"
    "Connection: keep-alive\r\n"
    "Upgrade-Insecure-Requests: 1\r\n"
    "If-None-Match: \"0123456789abcdef\"\r\n"
    "Priority: u=0, i\r\n\r\n";

void http_request_parse(benchmark::State& state, std::string_view head) {
  const Buffer bytes = to_buffer(as_bytes(head));
  HttpRequest request;
  read_again(state, bytes, [&](Bytes input) { return parse_http_request(input, request).value_or(0) > 0; });
  if (request.method != HttpMethod::get || !request.keep_alive)
    state.SkipWithError("another request is read");
}
BENCHMARK_CAPTURE(http_request_parse, phone, kPhoneHead);
BENCHMARK_CAPTURE(http_request_parse, browser, kBrowserHead);

void http_target_read(benchmark::State& state) {
  std::array<char, kMaxTftpFileName> room;
  constexpr std::string_view target = "/New%20Zealand/g3-tones.xml.sgn";
  for (auto _ : state) benchmark::DoNotOptimize(http_file_name(target, room));
}
BENCHMARK(http_target_read);

void http_head_write(benchmark::State& state) {
  HttpDate date;
  const HttpResponse response{
      .content_length = 12'345, .content_type = "application/octet-stream", .etag = "\"0123456789abcdef\""};
  write_again(state, [&](Writer& out) { write_http_head(out, response, date.at(1'800'000'000)); });
}
BENCHMARK(http_head_write);

}  // namespace
}  // namespace anchord::wire

BENCHMARK_MAIN();
