// Signatures of files that the store keeps, so that a restart signs nothing anew: those of the last run until
// they are used again or the first look has ended, and what is to be kept or forgotten since. One thread's
// own, but for before().
#pragma once

#include <cstddef>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "anchord/base/error.h"
#include "anchord/store/store.h"
#include "provisioning/file_maker.h"

namespace anchord::control {

class SignatureCache {
 public:
  // `store` is this one's own connection.
  static Result<SignatureCache> load(store::Store store);

  // Those of the last run that nothing is served with yet. Helpers read it while nothing else happens here.
  const SavedSignatures& before() const { return before_; }

  // keep() does not fail after it, for as many.
  void make_room(std::size_t signatures);
  void keep(std::vector<store::SavedSignature> made);
  // A file of that name is served, so that what is kept for it is of use.
  void use(const std::string& name);
  // Nothing of that name is served any more. A plain file has no signature.
  void drop(const std::string& name, bool is_signed);
  // After the first look: whatever was not used is of no use.
  void drop_unused();

  // A failure costs signing again after a restart, nothing now; the next call tries again. problem() says
  // why, and the log does when that is new.
  void save();
  const std::string& problem() const { return problem_; }

 private:
  SignatureCache(store::Store store, SavedSignatures before)
      : store_(std::move(store)), before_(std::move(before)) {}

  store::Store store_;
  SavedSignatures before_;
  std::vector<store::SavedSignature> to_keep_;
  std::set<std::string> to_forget_;
  std::string problem_;
};

}  // namespace anchord::control
