// Lists of single phones (ITLSEP<mac>.tlv, CTLSEP<mac>.tlv), and which of them are served: those of the
// provisioning folder, and those that the store has for phones that are to find back.
//
// Each was right when it was made, and the cluster goes on changing. So all are judged with each state
// of the cluster, before it is in service, and when one of them comes: a list is served only while it
// locks nobody that can be given it, by the phones' own rules (trust/own_list.h) and by every list that
// its phone may hold. Who is not served its own is served the cluster's.
//
// A phone's lists are judged together. Where the store has some for it, the folder's do not count; of two
// files of one phone that differ in the case of their letters, only the one that it finds does.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "anchord/crypto/certificate.h"
#include "anchord/index/file_table.h"
#include "anchord/store/ledger.h"
#include "anchord/trust/own_list.h"
#include "anchord/trust/served.h"

namespace anchord::control {

class OwnLists {
 public:
  // What phones find that have no list of their own, and who signs it.
  struct Found {
    trust::Served served;
    crypto::Certificate signer;
  };

  // Files of the provisioning folder, in their order: takes the lists out, since judge() says which of them
  // are served. May be repeated when there was no memory for it.
  void take_from(std::vector<index::FileChange>& changes);
  // The store's, in place of what it had before.
  void set_made(std::map<std::string, index::Blob> lists);
  // The cluster is in another state from the next judge() on.
  void begin_state();

  // How files must change so that those are served that may be. `found` is asked only where there is
  // something to judge; what cannot be judged is not served.
  std::vector<index::FileChange> judge(store::Store& store, const std::function<Result<Found>()>& found);

  // It is done, or it could not be: the next judge() says all of it again.
  void are_served() noexcept;
  void judge_again() noexcept { is_judged_ = false; }

  // As of the last judge() that was done.
  std::vector<std::string> served() const;
  bool serves_some() const { return !served_.empty(); }
  // Why lists are not served; those of the folder with its name in front.
  const std::map<std::string, std::string>& withdrawn() const { return withdrawn_; }

 private:
  using Lists = std::map<std::string, index::Blob>;  // by file
  using Version = trust::ListVersion;

  // Of one phone: the files that it finds, and what is in them.
  struct Phone {
    bool made = false;
    std::string ctl;  // empty: none
    std::string itl;
  };
  struct Content {
    Bytes bytes;
    Version version = trust::kNoList;
  };

  std::map<std::string, Phone> phones();
  void judge_all(store::Store& store, const std::function<Result<Found>()>& found, Lists& wanted);
  void judge_phone(const Phone& phone, const std::set<store::HeldPairs::Pair>& held,
                   const std::map<Version, Buffer>& kept, Lists& wanted);
  const trust::OwnListFaults& faults_for_all(const Content& ctl, const Content& itl);
  const std::string& fault_for(const Content& ctl, const Content& itl, const Content& held_ctl,
                               const Content& held_itl);
  const std::string& fault_of_before(const Content& ctl, const Content& itl);
  void withdraw(const Phone& phone, const std::string& file, const std::string& why);

  Lists folder_;
  Lists made_;
  Lists served_;
  std::optional<Lists> wanted_;  // from judge() until it is done
  std::map<std::string, std::string> withdrawn_;
  bool is_judged_ = true;

  // Of the present state. What phones were given just before it is perhaps not in the ledger yet.
  std::optional<Found> found_;
  std::optional<trust::Served> before_;
  std::map<std::pair<Version, Version>, trust::OwnListFaults> for_all_;
  std::map<std::tuple<Version, Version, Version, Version>, std::string> for_holders_;
};

}  // namespace anchord::control
