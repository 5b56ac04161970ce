#include <fmt/core.h>

#include "anchord/base/hex.h"
#include "anchord/crypto/digest.h"
#include "anchord/report/certificates.h"
#include "render/describe_list.h"

namespace anchord::ctl {
namespace {

std::string format_version(wire::Version version) {
  return fmt::format("{}.{}", version.major, version.minor);
}

template <class T>
Json or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json();
}

// Of the certificate where the record carries one, else what the record says.
std::string record_hash(const wire::Record& record) {
  if (!record.certificate.empty()) return to_hex(crypto::sha256(record.certificate));
  return to_hex(record.hash);
}

std::string address_text(const std::array<std::uint8_t, 4>& ip) {
  return fmt::format("{}.{}.{}.{}", ip[0], ip[1], ip[2], ip[3]);
}

Json record_json(const wire::Record& record) {
  return {
      {"role", role_text(record.role)},
      {"function", static_cast<unsigned>(record.role)},
      {"dns_name", or_null(record.dns_name)},
      {"subject", or_null(record.subject)},
      {"issuer", or_null(record.issuer)},
      {"serial", record.serial.empty() ? Json() : Json(serial_text(record.serial))},
      {"ip", record.ip ? Json(address_text(*record.ip)) : Json()},
      {"certificate_size", record.certificate.size()},
      {"sha256", record.certificate.empty() ? Json() : Json(record_hash(record))},
      {"hash", record.hash.empty() ? Json() : Json(to_hex(record.hash))},
      {"hash_algorithm", record.hash_algorithm ? Json(wire::digest_name(*record.hash_algorithm)) : Json()}};
}

Text::Facts record_facts(std::size_t number, const wire::Record& record) {
  Text::Facts facts{{fmt::format("record {}", number), role_text(record.role)}};
  auto add = [&](const char* name, std::string_view value) {
    if (!value.empty()) facts.emplace_back(std::string("  ") + name, value);
  };
  add("subject", record.subject.value_or(""));
  add("issuer", record.issuer.value_or(""));
  if (!record.serial.empty()) add("serial", serial_text(record.serial));
  add("dns name", record.dns_name.value_or(""));
  if (record.ip) add("address", address_text(*record.ip));
  if (!record.certificate.empty()) {
    add("sha256", record_hash(record));
  } else if (!record.hash.empty()) {
    add(record.hash_algorithm ? wire::digest_name(*record.hash_algorithm).data() : "hash",
        record_hash(record));
  } else {
    add("certificate", "none (an empty record)");
  }
  return facts;
}

}  // namespace

Json header_json(const wire::Header& header) {
  return {{"version", format_version(header.version)},
          {"signer_version", header.signer_version ? Json(format_version(*header.signer_version)) : Json()},
          {"header_length", header.length},
          {"file_name", header.file_name},
          {"timestamp", header.timestamp},
          {"time", time_text(header.timestamp)},
          {"digest", wire::digest_name(header.digest)},
          {"signature_size", header.signature.size()},
          {"signer",
           {{"subject", header.signer_name},
            {"issuer", header.issuer_name},
            {"serial", serial_text(header.serial)}}}};
}

Text header_text(const wire::Header& header, std::size_t file_size) {
  return Text().facts(
      {{"file name", std::string(header.file_name)},
       {"version", format_version(header.version)},
       {"signer version", header.signer_version ? format_version(*header.signer_version) : "-"},
       {"made", fmt::format("{} ({})", time_text(header.timestamp), header.timestamp)},
       {"size", fmt::format("{} bytes, {} of them header", file_size, header.length)},
       {"digest", std::string(wire::digest_name(header.digest))},
       {"signature", fmt::format("RSA {}", header.signature.size() * 8)},
       {"signer", std::string(header.signer_name)},
       {"  issuer", std::string(header.issuer_name)},
       {"  serial", serial_text(header.serial)}});
}

Json trust_list_json(const wire::TrustList& list, Bytes file) {
  Json out{{"size", file.size()}, {"sha256", to_hex(crypto::sha256(file))}};
  out.update(header_json(list.header));
  out["records"] = Json::array();
  for (const wire::Record& record : list.records) out["records"].push_back(record_json(record));
  return out;
}

Text trust_list_text(const wire::TrustList& list, Bytes file) {
  Text out = header_text(list.header, file.size());
  std::size_t number = 0;
  for (const wire::Record& record : list.records) {
    out.line("").facts(record_facts(++number, record));
  }
  return out;
}

}  // namespace anchord::ctl
