// A phone, as far as trust goes: what it holds, what it asks for at boot and what it
// makes of the answers. The executable form of the phones' rules (docs/lifecycle.md):
// tests use it as the judge, the traffic generator boots thousands of it, and every
// dangerous change asks it first.
//
// It does no I/O and knows no clock: it says what it wants, and is given the answer.
//
//   for (Want want = phone.boot(now); !done(want);)
//     want = <fetch> ? phone.got_file(content, now) : ...
//
// A boot ends, whatever the answers; a new one may begin at any moment and forgets the one that was under
// way. Giving an answer to what was not asked is the caller's bug. What peers send wrong is never an error
// here: it is a boot that does not end fine. Times are seconds since 1970.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "anchord/base/bytes.h"
#include "anchord/base/clock.h"
#include "anchord/crypto/certificate.h"
#include "anchord/crypto/private_key.h"
#include "anchord/trust/served.h"
#include "anchord/wire/header.h"
#include "anchord/wire/signed_file.h"

namespace anchord::trust {

// Phones are told of three to five verification services.
constexpr std::size_t kMaxTvsServers = 5;

// How often a list is asked for again when nobody answers.
constexpr std::size_t kListRetries = 4;

// Answers of the verification services that a phone keeps. Real ones keep a handful; the
// limit stops a server that names ever new signers.
constexpr std::size_t kMaxKeptAnswers = 32;

class VerifiedFiles;

struct PhoneSettings {
  std::string name = "SEP000000000000";  // phone::device_name()'s
  std::string model = "8861";
  // Older models check nothing and ask for plain files only.
  bool security_by_default = true;
  // Told to ask for an encrypted configuration; it needs the phone's own key.
  std::optional<crypto::PrivateKey> key = {};
  // Verification services that it has been told of, tried in their order; at most
  // kMaxTvsServers count.
  std::size_t tvs_servers = 1;
  // What other phones have verified. It outlives the phone; null: each verifies for itself.
  VerifiedFiles* verified = nullptr;
};

// What a phone keeps from one boot to the next. Empty: none. A list that cannot be read
// is none.
struct PhoneMemory {
  Buffer ctl;
  Buffer itl;
  Buffer configuration;  // the plain content that it runs on
};

// Files that were verified by the lists that a phone holds, for the next phone that holds the
// same: thousands need not do the same arithmetic. All bytes are compared. Phones of one thread
// share it.
class VerifiedFiles {
 public:
  // Stops files that are each one phone's own from filling memory; the oldest goes.
  static constexpr std::size_t kMax = 32;

  bool has(const PhoneMemory& held, Bytes file) const;
  void add(const PhoneMemory& held, Bytes file);

 private:
  struct Entry {
    Buffer ctl;
    Buffer itl;
    Buffer file;
  };
  std::deque<Entry> entries_;
};

enum class BootEnd {
  fine,      // runs on what is served now
  degraded,  // keeps what it had: something was missing or did not answer, but nothing that it
             // holds keeps it from taking the next change
  locked,    // what is served, it will never trust: only a visit helps
};
std::string_view boot_end_name(BootEnd end);  // "fine", "degraded", "locked"

class VirtualPhone {
 public:
  struct Fetch {
    std::string name;
  };
  // A question to the verification service with this number: a whole message. Whoever
  // asks must look at the certificate that the server presents first (trusts_tvs()).
  struct Ask {
    std::size_t server = 0;
    Buffer message;
  };
  struct Done {
    BootEnd end = BootEnd::fine;
    std::string reason;     // one line; empty when fine
    bool tvs_trust = true;  // false: locked because it trusts no verification service that there is
    // A file came whole and is not what its name or its signature says, the first: one line;
    // empty when there was none. Whoever serves it is to blame.
    std::string damage = {};
  };
  using Want = std::variant<Fetch, Ask, Done>;

  explicit VirtualPhone(PhoneSettings settings, PhoneMemory memory = {});

  Want boot(UnixSeconds now);
  // To a Fetch: the file, or that there is none, or that nobody answered. Its own configuration
  // needs no signature when it came from a TLS server that the phone trusts (trusts_https()).
  enum class From { anybody, trusted_server };
  Want got_file(Bytes content, UnixSeconds now, From from = From::anybody);
  Want not_found(UnixSeconds now);
  Want no_file(UnixSeconds now);
  // To an Ask: the whole response, or that there was none: no connection, a server that
  // is not trusted, an answer that makes no sense.
  Want got_answer(Bytes response, UnixSeconds now);
  Want no_answer(bool not_trusted, UnixSeconds now);

  // Whether the installed ITL lists what a verification service presents.
  bool trusts_tvs(Bytes presented_der) const;

  // An HTTPS server's certificate, at any moment of a boot: the lists know it as that of a
  // file or application server, or a verification service said so lately. Otherwise ask one
  // (ask_https(); trusts_tvs() applies) and give its response to got_https_answer(), which
  // is true when it vouches for the certificate.
  bool trusts_https(Bytes presented_der, UnixSeconds now) const;
  Ask ask_https(Bytes presented_der, std::size_t server);
  bool got_https_answer(Bytes presented_der, Bytes response, UnixSeconds now);

  const PhoneMemory& memory() const { return memory_; }
  const PhoneSettings& settings() const { return settings_; }
  std::size_t questions() const { return questions_; }  // asked in this boot

 private:
  enum class Step {
    ctl_own,
    ctl_any,
    itl_own,
    itl_any,
    encrypted_own,
    signed_own,
    signed_default,
    plain_own,
    plain_default,
    ended,
  };
  enum class Waiting { nothing, file, answer };
  struct Answer {
    crypto::Certificate certificate;
    Buffer roles;
    UnixSeconds until = 0;
  };

  static bool is_ctl(Step step) { return step == Step::ctl_own || step == Step::ctl_any; }
  static bool is_list(Step step) { return step <= Step::itl_any; }

  std::string file_name(Step step) const;
  Want fetch(Step step);
  Want after_list();
  Want got_list(Bytes content, UnixSeconds now);
  Want got_configuration(Bytes content, UnixSeconds now, From from);
  Want judge(Bytes file, const wire::Header& header, UnixSeconds now);
  bool verified_by_others(Bytes file) const;
  void tell_others(Bytes file) const;
  Want settle_list(Bytes file, const std::optional<crypto::Certificate>& signer);
  Want settle_configuration(Bytes file, const crypto::Certificate& signer);
  Want settle(Bytes file, const crypto::Certificate& signer);
  Want install_list(Bytes file);
  Want open_configuration(Bytes file, const wire::SignedFile& parsed);
  Want take_configuration(Buffer plain);
  Want ask();
  Want refuse(std::string_view why, bool tvs_trust);
  Want fall_short(std::string reason);  // and go on
  Want damaged(std::string reason);     // likewise, by the server's own mistake
  Want finish();

  std::optional<crypto::Certificate> listed_signer(const wire::Header& header) const;
  bool lists_tvs() const;
  bool takes_unsigned() const;
  bool has_role(Bytes roles) const;  // that signs what is being fetched
  const Answer* kept_answer(std::string_view issuer, Bytes serial, UnixSeconds now) const;
  void keep_answer(std::string_view issuer, Bytes serial, Answer answer);
  Buffer device() const;

  PhoneSettings settings_;
  PhoneMemory memory_;
  // By the issuer as it is spelled where it was asked for, and the serial number. Kept from
  // one boot to the next.
  std::map<std::pair<std::string, Buffer>, Answer> answers_;

  // The state of the boot that is under way.
  Step step_ = Step::ended;
  Waiting waiting_ = Waiting::nothing;
  std::size_t retries_ = 0;
  std::size_t questions_ = 0;
  Buffer file_;  // whose signer is being asked for
  std::size_t server_ = 0;
  bool unreachable_ = false;  // a server did not answer about it
  std::uint32_t session_ = 0;
  std::string locked_;  // why; the first reason counts
  bool tvs_trust_ = true;
  std::string degraded_;
  std::string damage_;
  // Lists that it lacks, or has taken since, may change its mind about what it refused.
  bool unsettled_ = false;
};

inline bool done(const VirtualPhone::Want& want) {
  return std::holds_alternative<VirtualPhone::Done>(want);
}

// What the phone wants next when it is given what it wants, from values instead of a network.
VirtualPhone::Want answer_in_memory(VirtualPhone& phone, const VirtualPhone::Want& want, const Served& served,
                                    UnixSeconds now);
// One boot.
VirtualPhone::Done boot_in_memory(VirtualPhone& phone, const Served& served, UnixSeconds now);

}  // namespace anchord::trust
