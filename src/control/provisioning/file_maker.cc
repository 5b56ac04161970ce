#include "provisioning/file_maker.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cassert>

#include "anchord/base/ascii.h"
#include "anchord/crypto/digest.h"
#include "anchord/phone/device_name.h"
#include "anchord/phone/file_kind.h"
#include "anchord/store/signatures.h"
#include "anchord/trust/encrypted_file.h"
#include "anchord/trust/own_list.h"
#include "anchord/trust/signed_file.h"
#include "anchord/trust/trust_list.h"
#include "anchord/trust/xml.h"
#include "anchord/wire/foreign_file.h"
#include "anchord/wire/signed_file.h"

namespace anchord::control {
namespace {

using phone::FileForm;

std::string made_here(FileForm form) {
  return fmt::format("is not served: files ending in {} are made here; put the unsigned file in its place",
                     phone::ending_of(form));
}

std::string_view last_part(std::string_view name) {
  return name.substr(name.rfind('/') + 1);
}

Bytes text_bytes(std::string_view text) {
  return as_bytes(text);
}

// Everything that a signature header depends on, but for the time in it. Parts are
// preceded by their sizes, so that no two inputs look the same.
Buffer input_digest(const std::string& served, Bytes content, const ProvisioningContext& context,
                    const crypto::Certificate* device) {
  crypto::Sha256 content_hash = crypto::sha256(content);
  crypto::Sha256 device_hash = device != nullptr ? device->sha256() : crypto::Sha256{};
  std::string settings = fmt::format("1 {} {} {} ", served.size(), static_cast<int>(context.signing.digest),
                                     static_cast<int>(context.signing.spelling));
  std::array<Bytes, 5> parts{text_bytes(settings), text_bytes(served), content_hash,
                             context.signer.certificate.sha256(), device_hash};
  crypto::Sha256 out = crypto::sha256(parts);
  return {out.begin(), out.end()};
}

class Maker {
 public:
  Maker(const ProvisioningContext& context, const SavedSignatures& kept, UnixSeconds now,
        MemoryBudget::Share room)
      : context_(context), kept_(kept), now_(now), room_(std::move(room)) {}

  Status add_signed(const std::string& name, const index::Blob& content) {
    ANCHORD_TRY(add_signature(phone::with_ending(name, FileForm::sgn), content));
    if (context_.signing.digest != wire::Digest::sha512) return {};
    return add_signature(phone::with_ending(name, FileForm::sha512), content);
  }

  Status add_encrypted(const std::string& name, const index::Blob& content,
                       const crypto::Certificate& device) {
    std::string served = phone::with_ending(name, FileForm::enc_sgn);
    Buffer digest = input_digest(served, content.bytes(), context_, &device);
    trust::ContentKey key;
    if (const store::SavedSignature* saved = find(served, digest);
        saved != nullptr && saved->content_key.size() == key.key.size() + key.iv.size()) {
      std::copy_n(saved->content_key.begin(), key.key.size(), key.key.begin());
      std::copy_n(saved->content_key.begin() + key.key.size(), key.iv.size(), key.iv.begin());
      Buffer cipher = trust::encrypt_content(content.bytes(), key);
      if (trust::verify_header(served, saved->header, cipher, context_.signer.certificate)) {
        put(served, {index::Blob(saved->header), of_room(std::move(cipher))});
        return {};
      }
    }
    key = trust::ContentKey::random();
    auto made =
        trust::encrypt_file(served, content.bytes(), device, key, context_.signer, context_.signing, now_);
    if (!made) return std::unexpected(made.error());
    Buffer kept_key(key.key.begin(), key.key.end());
    kept_key.insert(kept_key.end(), key.iv.begin(), key.iv.end());
    out.made.push_back({served, std::move(digest), made->header, std::move(kept_key)});
    put(served, {index::Blob(std::move(made->header)), of_room(std::move(made->content))});
    return {};
  }

  void put(std::string served, index::FileBody body) {
    out.files.push_back({std::move(served), std::move(body)});
  }

  index::Blob of_room(Buffer content) {
    MemoryBudget::Share share = room_.split(content.size());
    return index::Blob(std::move(content), std::move(share));
  }

  MadeFiles out;

 private:
  const store::SavedSignature* find(const std::string& served, const Buffer& digest) const {
    auto saved = kept_.find(served);
    return saved != kept_.end() && saved->second.input_digest == digest ? &saved->second : nullptr;
  }

  Status add_signature(const std::string& served, const index::Blob& content) {
    Buffer digest = input_digest(served, content.bytes(), context_, nullptr);
    // The database's pages carry no checksums: what it kept is checked like a stranger's.
    const store::SavedSignature* saved = find(served, digest);
    if (saved != nullptr &&
        trust::verify_header(served, saved->header, content.bytes(), context_.signer.certificate)) {
      put(served, {index::Blob(saved->header), content});
      return {};
    }
    ANCHORD_TRY_ASSIGN(auto header,
                       trust::sign_header(served, content.bytes(), context_.signer, context_.signing, now_));
    out.made.push_back({served, std::move(digest), header, {}});
    put(served, {index::Blob(std::move(header)), content});
    return {};
  }

  const ProvisioningContext& context_;
  const SavedSignatures& kept_;
  UnixSeconds now_;
  MemoryBudget::Share room_;
};

// Of a file that is signed already. The vendor's own are served as they are; what would pass
// for a file that this cluster signs is not.
Status check_signed_elsewhere(Bytes content, const ProvisioningContext& context) {
  if (wire::parse_foreign_file(content)) return {};
  auto file = wire::parse_signed_file(content);
  if (!file)
    return fail(fmt::format("{} (it is no signed file: {})", made_here(FileForm::sgn), file.error().text()));
  if (same_bytes(file->header.serial, context.signer.certificate.serial()))
    return fail(fmt::format("{} (this one is signed by the cluster)", made_here(FileForm::sgn)));
  return {};
}

// The phone whose encrypted configuration a file may be a copy of, by its name.
std::optional<std::string> copied_by_name(std::string_view name, const ProvisioningContext& context) {
  for (std::string& phone : phone::devices_in(last_part(name))) {
    auto known = context.devices.find(phone);
    if (known != context.devices.end() && stays_encrypted(known->second)) return std::move(phone);
  }
  return std::nullopt;
}

// Of a file that is nobody's configuration by its name. A phone's name in another's may be that of
// its own ring list; but not where it holds secrets, or is no XML.
bool is_copy(Maker& maker, const std::string& name, const index::Blob& content,
             const ProvisioningContext& context) {
  trust::ConfigTraits& traits = maker.out.traits;
  traits = trust::config_traits(content.bytes());
  if (!traits.is_configuration() && !traits.root.empty() && !traits.has_secrets) return false;
  auto copied = copied_by_name(name, context);
  if (copied) maker.out.remark = copy_problem(*copied);
  return copied.has_value();
}

bool is_configuration(std::string_view name) {
  return phone::configured_device(name) || phone::is_default_configuration(name);
}

// A configuration that phones would drop is not served; of anything else it is only said.
Status check_markup(const std::string& name, Bytes content, std::string& warning) {
  auto good = trust::check_xml(content);
  if (good) {
    if (!good->empty()) warning = "has what XML does not allow: " + *good;
    return {};
  }
  if (is_configuration(name))
    return std::unexpected(std::move(good.error()).within("is not well-formed XML"));
  warning = "is not well-formed XML: " + good.error().text;
  return {};
}

Result<MadeFiles> make_for_device(Maker& maker, const std::string& name, const index::Blob& content,
                                  const crypto::Certificate& device) {
  auto reduced = trust::reduced_config(content.bytes(), device);
  if (!reduced) return std::unexpected(std::move(reduced.error()).within("cannot be encrypted"));
  maker.out.traits = trust::config_traits(content.bytes());
  maker.out.recipient = device;
  ANCHORD_TRY(maker.add_encrypted(name, content, device));
  ANCHORD_TRY(maker.add_signed(name, maker.of_room(std::move(*reduced))));
  return std::move(maker.out);
}

Result<MadeFiles> make_plain(Maker& maker, const std::string& name, const index::Blob& content) {
  maker.put(name, {.content = content});
  ANCHORD_TRY(maker.add_signed(name, content));
  return std::move(maker.out);
}

}  // namespace

bool names_a_phone(std::string_view name) {
  return !phone::devices_in(last_part(name)).empty();
}

bool stays_encrypted(const std::optional<crypto::Certificate>& certificate) {
  return !certificate || trust::can_encrypt_to(*certificate).has_value();
}

std::string copy_problem(std::string_view device) {
  return fmt::format(
      "is a copy of the configuration of {}, which goes out encrypted, and is not served in the "
      "clear: remove it, or keep it outside of the folder",
      device);
}

std::string packed_problem(std::string_view how) {
  return fmt::format(
      "is packed ({}), so that nobody sees here whether it holds a configuration that goes out encrypted, "
      "and is not served: unpack it, or keep it outside of the folder",
      how);
}

std::string cut_problem() {
  return "ends within a password or the like, as a configuration does that was cut short, and is not served "
         "while others go out encrypted: remove it, or keep it outside of the folder";
}

std::string unnamed_problem(std::string_view device) {
  return fmt::format(
      "holds a configuration with secrets, perhaps that of {}, which goes out encrypted and has none here, "
      "and is not served in the clear: rename it, or keep it outside of the folder",
      device);
}

bool is_signed_name(std::string_view name) {
  return ends_ignoring_case(name, phone::ending_of(FileForm::sgn));
}

// What is XML is perhaps converted, and read by pieces that the parser keeps twice; what is encrypted
// is reduced as well, in steps that each hold a part. Anything may be a copy, and is looked into.
std::uint64_t memory_to_make(const std::string& name, Bytes content, const ProvisioningContext& context) {
  constexpr std::uint64_t kSmall = 64 * 1024;
  constexpr std::uint64_t kOfXml = 4;
  constexpr std::uint64_t kOfEncrypted = 7;
  const std::uint64_t size = content.size();
  const bool is_xml = phone::is_xml_name(name) || trust::may_be_xml(content);
  const std::uint64_t of_traits = trust::memory_of_traits(content);
  if (!is_xml) return kSmall + of_traits;
  const auto device = phone::configured_device(name);
  const bool is_encrypted = device && !context.rolling_back && context.devices.contains(*device);
  return kSmall + std::max(size * (is_encrypted ? kOfEncrypted : kOfXml), size + of_traits);
}

Status check_name(const std::string& name) {
  const std::size_t kLongestEnding = phone::ending_of(FileForm::enc_sgn).size();
  if (!index::is_file_name(name) || name.size() + kLongestEnding > index::kMaxFileName)
    return fail(fmt::format("has a name of more than {} bytes", index::kMaxFileName - kLongestEnding));
  if (std::ranges::any_of(
          name, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f || c == '\\'; }))
    return fail("has a control character or a backslash in its name");
  if (phone::form_of(name) == FileForm::sha512) return fail(made_here(FileForm::sha512));
  const std::string_view plain = phone::plain_name(name);
  const auto list = phone::list_name(plain);
  if (list && list->device.empty())
    return fail("is not served: the cluster's own list is built by the service");
  if (is_signed_name(name) && (list || is_configuration(plain))) return fail(made_here(FileForm::sgn));
  return {};
}

Result<MadeFiles> make_files(const std::string& name, const index::Blob& content,
                             const ProvisioningContext& context, const SavedSignatures& kept, UnixSeconds now,
                             MemoryBudget::Share room) {
  Maker maker(context, kept, now, std::move(room));
  if (auto own = phone::own_list_name(name)) {
    if (auto signer = trust::own_list_signer(own->kind, content.bytes()); !signer)
      return std::unexpected(std::move(signer.error()).within("cannot be served"));
    if (!context.rolling_back || own->kind == trust::ListKind::ctl) maker.put(name, {.content = content});
    return std::move(maker.out);
  }
  if (is_signed_name(name)) {
    ANCHORD_TRY(check_signed_elsewhere(content.bytes(), context));
    if (context.rolling_back || !is_copy(maker, name, content, context))
      maker.put(name, {.content = content});
    return std::move(maker.out);
  }
  if (phone::is_xml_name(name)) {
    ANCHORD_TRY(check_markup(name, content.bytes(), maker.out.warning));
  }
  if (context.rolling_back) {
    maker.put(name, {.content = content});
    return std::move(maker.out);
  }
  if (phone::is_default_configuration(name) && context.mode == trust::Mode::mixed)
    return std::move(maker.out);
  if (std::optional<std::string> device = phone::configured_device(name)) {
    auto known = context.devices.find(*device);
    if (known != context.devices.end()) {
      if (!known->second)
        return fail(fmt::format("cannot be encrypted: the certificate of {} cannot be used", *device));
      if (Status can = trust::can_encrypt_to(*known->second); can)
        return make_for_device(maker, name, content, *known->second);
      else
        maker.out.remark = "is served unencrypted: " + can.error().text;
    }
  } else if (phone::is_default_configuration(name)) {
    // What lies there by mistake.
    if (auto traits = trust::config_traits(content.bytes()); traits.is_configuration())
      maker.out.traits = std::move(traits);
  } else if (is_copy(maker, name, content, context)) {
    return std::move(maker.out);
  }
  return make_plain(maker, name, content);
}

Result<MadeFiles> sign_configuration(const std::string& name, const index::Blob& content,
                                     const std::optional<crypto::Certificate>& recipient,
                                     const ProvisioningContext& context, const SavedSignatures& kept,
                                     UnixSeconds now, MemoryBudget::Share room) {
  assert(!context.rolling_back);
  Maker maker(context, kept, now, std::move(room));
  return recipient ? make_for_device(maker, name, content, *recipient) : make_plain(maker, name, content);
}

}  // namespace anchord::control
