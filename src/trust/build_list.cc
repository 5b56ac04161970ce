// Making trust lists.
#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cassert>

#include "anchord/base/ip_address.h"
#include "anchord/base/writer.h"
#include "anchord/crypto/digest.h"
#include "anchord/phone/file_kind.h"
#include "anchord/trust/trust_list.h"
#include "signing.h"

namespace anchord::trust {
namespace {

// An error line names this many certificates: enough to act on, short enough to read.
constexpr std::size_t kMaxNamed = 8;

struct RecordNames {
  std::string subject;
  std::string issuer;
};

std::optional<std::array<std::uint8_t, 4>> ipv4(const std::string& address) {
  const auto parsed = parse_ip_address(address);
  if (!parsed || !parsed->is_v4()) return std::nullopt;
  std::array<std::uint8_t, 4> bytes{};
  std::ranges::copy(parsed->shortest(), bytes.begin());
  return bytes;
}

wire::Record make_record(const ListedCertificate& listed, const RecordNames& names) {
  wire::Record record;
  record.role = listed.role;
  if (!listed.dns_name.empty()) record.dns_name = listed.dns_name;
  if (!listed.certificate) {
    record.ip = ipv4(listed.address);
    return record;
  }
  record.subject = names.subject;
  record.issuer = names.issuer;
  record.serial = listed.certificate->serial();
  record.public_key = listed.certificate->public_key_raw();
  record.signature = listed.certificate->signature();
  record.certificate = listed.certificate->der();
  return record;
}

// The record of a server that has no certificate at present. The address takes the
// name's place, as the vendor's lists have it; of several the first that a record has room for.
ListedCertificate emptied(wire::Role role, const Host& host) {
  auto address = std::ranges::find_if(host.addresses, [](const auto& one) { return ipv4(one).has_value(); });
  if (address == host.addresses.end()) return {std::nullopt, role, host.name, ""};
  return {std::nullopt, role, *address, *address};
}

Status check_signers(const TrustListFields& fields) {
  auto is_signer = [](const ListedCertificate& listed) { return listed.role == wire::Role::sast; };
  auto signers = std::ranges::count_if(fields.records, is_signer);
  if (signers > static_cast<std::ptrdiff_t>(kMaxSigners))
    return fail(fmt::format("'{}' would name {} signers (SAST) where phones look at {}: leave some out",
                            fields.file_name, signers, kMaxSigners));
  for (const ListedCertificate& listed : fields.records)
    if (is_signer(listed) && listed.certificate == fields.signer.certificate) return {};
  return fail(fmt::format("'{}' must list its signer '{}' with the role sast: phones look for it there",
                          fields.file_name, fields.signer.certificate.subject().to_vendor()));
}

// The last certificates whose leaving out would make the list fit: the signers
// and those who vouch for others come first in a list.
std::string what_to_drop(const wire::HeaderFields& header, std::span<const wire::Record> records) {
  std::size_t keep = records.size();
  while (keep > 0 && !wire::build_trust_list(header, records.first(keep))) --keep;
  if (keep == 0 || keep == records.size()) return "use smaller certificates";
  std::string text =
      fmt::format("leave out {} of its {} certificates", records.size() - keep, records.size());
  const char* separator = ": ";
  for (std::size_t i = keep; i < std::min(records.size(), keep + kMaxNamed); ++i) {
    text += fmt::format("{}{} '{}'", separator, wire::role_name(records[i].role),
                        records[i].subject ? *records[i].subject : "(emptied)");
    separator = ", ";
  }
  if (records.size() - keep > kMaxNamed) text += " and the ones after";
  return text;
}

void append_sized(Buffer& out, Bytes bytes) {
  std::array<std::uint8_t, 4> size{};
  Writer(size).u32(static_cast<std::uint32_t>(bytes.size()));
  out.insert(out.end(), size.begin(), size.end());
  out.insert(out.end(), bytes.begin(), bytes.end());
}

}  // namespace

wire::Version signer_version(wire::Digest digest) {
  return digest == wire::Digest::sha1 ? wire::Version{1, 0} : wire::Version{1, 1};
}

TrustListFields itl_fields(const Cluster& cluster) {
  auto listed = [&](const crypto::Certificate& certificate, wire::Role role, const Host& host,
                    const std::string& dns_name) {
    return cluster.rolling_back ? emptied(role, host) : ListedCertificate{certificate, role, dns_name};
  };
  wire::Role file_signer = cluster.mode == Mode::mixed ? wire::Role::ccm_tftp : wire::Role::tftp;
  const Host& first = cluster.hosts.front();
  TrustListFields fields{.signer = cluster.tftp,
                         .signing = cluster.signing,
                         .signer_version = signer_version(cluster.signing.digest),
                         .records = {}};
  // One by one: GCC 12 destroys those of a list twice when what comes after them throws.
  fields.records.push_back({cluster.tftp.certificate, wire::Role::sast, {}});
  fields.records.push_back({cluster.recovery.certificate, wire::Role::sast, {}});
  fields.records.push_back(listed(cluster.tftp.certificate, file_signer, first, {}));
  // A phone that knows only 1.0 cannot use an EC certificate and may give up on the list.
  if (fields.signer_version != wire::Version{1, 0})
    fields.records.push_back(listed(cluster.tftp_ec.certificate, wire::Role::tftp, first, {}));
  for (std::size_t i = 0; i < cluster.tvs.size(); ++i)
    fields.records.push_back(
        listed(cluster.tvs[i].certificate, wire::Role::tvs, cluster.hosts[i], cluster.hosts[i].name));
  fields.records.push_back({cluster.capf.certificate, wire::Role::capf, {}});
  return fields;
}

TrustListFields ctl_fields(const Cluster& cluster) {
  assert(cluster.has_ctl);
  const Host& first = cluster.hosts.front();
  TrustListFields fields{.file_name = phone::kCtlFileName,
                         .signer = cluster.tftp,
                         .signing = cluster.signing,
                         .signer_version = signer_version(cluster.signing.digest),
                         .records = {}};
  fields.records.push_back({cluster.tftp.certificate, wire::Role::sast, {}});
  fields.records.push_back({cluster.recovery.certificate, wire::Role::sast, {}});
  fields.records.push_back(cluster.mode == Mode::mixed
                               ? ListedCertificate{cluster.tftp.certificate, wire::Role::ccm_tftp, first.name}
                               : emptied(wire::Role::ccm_tftp, first));
  fields.records.push_back({cluster.capf.certificate, wire::Role::capf, {}});
  return fields;
}

Buffer fields_digest(const TrustListFields& fields) {
  Buffer input;
  // To be changed with the layout of what build_trust_list() makes of the fields.
  append_sized(input, as_bytes("trust list 1"));
  append_sized(input, as_bytes(fields.file_name));
  append_sized(input, fields.signer.certificate.der());
  input.push_back(static_cast<std::uint8_t>(fields.signing.digest));
  input.push_back(static_cast<std::uint8_t>(fields.signing.spelling));
  input.push_back(fields.signer_version.major);
  input.push_back(fields.signer_version.minor);
  for (const ListedCertificate& listed : fields.records) {
    append_sized(input, listed.certificate ? listed.certificate->der() : Bytes());
    append_sized(input, as_bytes(listed.dns_name));
    if (!listed.certificate) append_sized(input, as_bytes(listed.address));
    auto role = static_cast<std::uint16_t>(listed.role);
    input.push_back(static_cast<std::uint8_t>(role >> 8));
    input.push_back(static_cast<std::uint8_t>(role & 0xff));
  }
  return to_buffer(crypto::sha256(Bytes(input)));
}

Result<Buffer> build_trust_list(const TrustListFields& fields, UnixSeconds timestamp) {
  ANCHORD_TRY(check_signers(fields));
  ANCHORD_TRY_ASSIGN(auto header,
                     SignerHeader::make(fields.file_name, fields.signer, fields.signing, timestamp));
  wire::HeaderFields header_fields = header.fields();
  header_fields.signer_version = fields.signer_version;

  std::vector<RecordNames> names;
  names.reserve(fields.records.size());
  std::vector<wire::Record> records;
  for (const ListedCertificate& listed : fields.records) {
    names.push_back(listed.certificate
                        ? RecordNames{listed.certificate->subject().to_text(fields.signing.spelling),
                                      listed.certificate->issuer().to_text(fields.signing.spelling)}
                        : RecordNames{});
    records.push_back(make_record(listed, names.back()));
  }
  auto unsigned_file = wire::build_trust_list(header_fields, records);
  if (!unsigned_file)
    return fail(fmt::format("cannot build '{}': {}; {}", fields.file_name, unsigned_file.error().text,
                            what_to_drop(header_fields, records)));
  ANCHORD_TRY_ASSIGN(auto file, sign(std::move(*unsigned_file), fields.signer, fields.signing.digest));
  // What phones are given cannot be taken back: a list that would not convince one must not leave.
  if (auto good = verify_trust_list(file, fields.signer.certificate); !good)
    return std::unexpected(std::move(good.error()).within("the new '" + fields.file_name + "' is not sound"));
  return file;
}

crypto::Sha256 state_digest(const Cluster& cluster) {
  Buffer digests = fields_digest(itl_fields(cluster));
  if (cluster.has_ctl) {
    Buffer ctl = fields_digest(ctl_fields(cluster));
    digests.insert(digests.end(), ctl.begin(), ctl.end());
  }
  digests.push_back(cluster.rolling_back ? 1 : 0);
  return crypto::sha256(digests);
}

}  // namespace anchord::trust
