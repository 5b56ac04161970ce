// What one file of the provisioning folder becomes: the names that phones ask for,
// signed for those that check, plain for those that cannot, encrypted for those that can.
//
//   F            F, F.sgn and, where the cluster signs with SHA-512, F.sha512
//   SEP<mac>.cnf.xml of a phone with a certificate
//                F.enc.sgn, and F.sgn (F.sha512) of the reduced file; nothing plain
//   XMLDefault.cnf.xml
//                as any F; in mixed mode nothing, since phones must not register themselves
//   a copy of such a configuration, by its name
//                nothing: it would be the same in the clear. One by its content is found by
//                Copies, who know the others' traits
//   F.sgn that somebody else has signed, as the vendor's firmware
//                itself, byte for byte
//   ITLSEP<mac>.tlv, CTLSEP<mac>.tlv
//                itself: one phone's own list. Whether it may be served is judged with each state of the
//                cluster (own_lists.h)
//
// While the cluster is rolling back F alone, of whomever: what comes after neither signs nor
// encrypts. ITLSEP<mac>.tlv is left out then, so that its phone takes the empty ITL.
//
// No threads, no files: the same inputs give the same names. Signatures that were kept
// are used again when everything that they were made from is the same.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "anchord/base/clock.h"
#include "anchord/base/memory_budget.h"
#include "anchord/index/file_table.h"
#include "anchord/store/signatures.h"
#include "anchord/store/store.h"
#include "anchord/trust/cluster.h"
#include "anchord/trust/config_traits.h"

namespace anchord::control {

// The devices with a certificate; none where there is one that cannot be read: such a
// device's secrets are not served in any form.
using DeviceCertificates = std::map<std::string, std::optional<crypto::Certificate>>;

// What files are made from besides their content. Never changes once in use.
struct ProvisioningContext {
  std::uint64_t generation = 0;  // grows with each change of it
  trust::Identity signer;
  trust::SigningSettings signing;
  trust::Mode mode = trust::Mode::nonsecure;
  bool rolling_back = false;
  DeviceCertificates devices;  // by phone::device_name()
};

using SavedSignatures = std::unordered_map<std::string, store::SavedSignature>;  // by name

struct MadeFiles {
  std::vector<index::FileChange> files;     // each with a body
  std::vector<store::SavedSignature> made;  // what was not among those kept
  std::string remark;                       // what an operator may not expect; mostly empty
  std::string warning;                      // what is odd in it, though it is served; mostly empty
  trust::ConfigTraits traits;               // of all but configurations that go out in the clear
  // Whom it is encrypted to: nothing of it goes out in the clear. None: nobody.
  std::optional<crypto::Certificate> recipient;
};

// Bytes that a file takes beside its content as long as it is served: its names and signatures, and
// what is known of it.
constexpr std::uint64_t kMemoryOfFile = 3 * 1024;

// Bytes that making the files of a content takes beside it and kMemoryOfFile, for the moment or for as
// long as they are served; rather more than less.
std::uint64_t memory_to_make(const std::string& name, Bytes content, const ProvisioningContext& context);

// Whether the folder may hold a file of that name; the error is the reason.
Status check_name(const std::string& name);

// Fails, with the reason, when the content is not what the name says. Of `room`, memory_to_make() bytes
// of a budget, what is served besides the content keeps its part.
Result<MadeFiles> make_files(const std::string& name, const index::Blob& content,
                             const ProvisioningContext& context, const SavedSignatures& kept, UnixSeconds now,
                             MemoryBudget::Share room = {});

// As `recipient` says, whatever the context says of the device: of a configuration that was made before,
// and would be refused now, when it must bear another signature. Not while the cluster is rolling back.
Result<MadeFiles> sign_configuration(const std::string& name, const index::Blob& content,
                                     const std::optional<crypto::Certificate>& recipient,
                                     const ProvisioningContext& context, const SavedSignatures& kept,
                                     UnixSeconds now, MemoryBudget::Share room = {});

// Whether a name has a phone's in it, in any spelling, anywhere but in its folders.
bool names_a_phone(std::string_view name);

// Whether a device with that certificate must not get its configuration in the clear. None is one
// that cannot be read.
bool stays_encrypted(const std::optional<crypto::Certificate>& certificate);

// What is said of a copy of a configuration that is served encrypted; of what may be one, though
// nothing of it can be seen, or only its beginning is left; and of what may be one, since that device has no
// other.
std::string copy_problem(std::string_view device);
std::string packed_problem(std::string_view how);
std::string cut_problem();
std::string unnamed_problem(std::string_view device);

// NAME.sgn, which only the provisioner can judge: it must take no name that is made of
// another file of the folder.
bool is_signed_name(std::string_view name);

}  // namespace anchord::control
