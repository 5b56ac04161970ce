#include "provisioning/own_lists.h"

#include <fmt/core.h>

#include <set>

#include "anchord/base/clock.h"
#include "anchord/base/log.h"
#include "anchord/phone/file_kind.h"
#include "anchord/trust/trust_list.h"

namespace anchord::control {
namespace {

using trust::ListKind;

trust::ListVersion version_of(const index::Blob& list) {
  return index::version_of({.header = {}, .content = list});
}

Bytes list_of(const trust::Served& served, const char* name) {
  auto found = served.files.find(name);
  return found == served.files.end() ? Bytes() : Bytes(found->second);
}

}  // namespace

void OwnLists::take_from(std::vector<index::FileChange>& changes) {
  auto is_list = [](const index::FileChange& change) {
    return phone::own_list_name(change.name).has_value();
  };
  for (const index::FileChange& change : changes) {
    if (!is_list(change)) continue;
    is_judged_ = false;
    if (change.body) {
      folder_.insert_or_assign(change.name, change.body->content);
    } else {
      folder_.erase(change.name);
    }
  }
  std::erase_if(changes, is_list);
}

void OwnLists::are_served() noexcept {
  if (wanted_) served_ = std::move(*wanted_);
  wanted_.reset();
}

void OwnLists::set_made(std::map<std::string, index::Blob> lists) {
  made_ = std::move(lists);
  is_judged_ = false;
}

void OwnLists::begin_state() {
  if (found_) before_ = std::move(found_->served);
  found_.reset();
  for_all_.clear();
  for_holders_.clear();
  is_judged_ = false;
}

std::vector<std::string> OwnLists::served() const {
  std::vector<std::string> names;
  for (const auto& [name, list] : served_) names.push_back(name);
  return names;
}

std::vector<index::FileChange> OwnLists::judge(store::Store& store,
                                               const std::function<Result<Found>()>& found) {
  std::vector<index::FileChange> changes;
  wanted_.reset();
  if (is_judged_) return changes;
  Lists wanted;
  auto said = std::exchange(withdrawn_, {});
  judge_all(store, found, wanted);
  for (const auto& [file, why] : withdrawn_)
    if (auto before = said.find(file); before == said.end() || before->second != why)
      log::warn(fmt::format("'{}' is not served: {}", file, why));
  for (const auto& [name, list] : served_)
    if (!wanted.contains(name)) changes.push_back({name, std::nullopt});
  for (const auto& [name, list] : wanted) changes.push_back({name, index::FileBody{.content = list}});
  wanted_ = std::move(wanted);
  return changes;
}

std::map<std::string, OwnLists::Phone> OwnLists::phones() {
  std::map<std::string, Phone> out;
  auto choose = [&](const Lists& lists, bool made) {
    for (const auto& [file, list] : lists) {
      const auto name = phone::own_list_name(file);
      if (!name) continue;
      Phone& phone = out.try_emplace(name->device, Phone{.made = made, .ctl = {}, .itl = {}}).first->second;
      if (phone.made != made) continue;
      std::string& chosen = name->kind == ListKind::ctl ? phone.ctl : phone.itl;
      std::string other = file;
      // As the file table finds it: the exact name, else the first in byte order.
      if (chosen.empty() || file == phone::own_list_file(*name)) std::swap(chosen, other);
      if (!other.empty())
        withdraw(phone, other, fmt::format("its phone finds '{}' before it; remove one of the two", chosen));
    }
  };
  choose(made_, true);
  choose(folder_, false);
  return out;
}

void OwnLists::withdraw(const Phone& phone, const std::string& file, const std::string& why) {
  if (!file.empty() && !why.empty()) withdrawn_[(phone.made ? "" : "provisioning/") + file] = why;
}

void OwnLists::judge_all(store::Store& store, const std::function<Result<Found>()>& found, Lists& wanted) {
  const std::map<std::string, Phone> all = phones();
  is_judged_ = all.empty();
  if (all.empty()) return;
  auto withdraw_all = [&](const Error& error) {
    for (const auto& [device, phone] : all)
      for (const std::string& file : {phone.ctl, phone.itl})
        withdraw(phone, file, "it cannot be judged: " + error.text);
  };
  if (!found_) {
    auto now = found();
    if (!now) return withdraw_all(now.error());
    found_ = std::move(*now);
  }
  std::set<std::string> devices;
  for (const auto& [device, phone] : all) devices.insert(device);
  auto held = store::held_pairs(store, devices);
  if (!held) return withdraw_all(held.error());
  is_judged_ = true;
  for (const auto& [device, phone] : all) judge_phone(phone, held->by_device[device], held->lists, wanted);
}

// The store's are for phones that hold what is known: only by that they are judged.
void OwnLists::judge_phone(const Phone& phone, const std::set<store::HeldPairs::Pair>& held,
                           const std::map<Version, Buffer>& kept, Lists& wanted) {
  const Lists& lists = phone.made ? made_ : folder_;
  auto content = [&](const std::string& file) {
    if (file.empty()) return Content{};
    const index::Blob& list = lists.at(file);
    return Content{list.bytes(), version_of(list)};
  };
  Content ctl = content(phone.ctl);
  Content itl = content(phone.itl);
  if (!phone.made) {
    const trust::OwnListFaults& faults = faults_for_all(ctl, itl);
    withdraw(phone, phone.ctl, faults.ctl);
    withdraw(phone, phone.itl, faults.itl);
    if (!faults.ctl.empty()) ctl = {};
    if (!faults.itl.empty()) itl = {};
  }
  std::string fault = before_ && !phone.made ? fault_of_before(ctl, itl) : "";
  for (auto pair = held.begin(); fault.empty() && pair != held.end(); ++pair)
    fault = fault_for(ctl, itl, {kept.at(pair->first), pair->first}, {kept.at(pair->second), pair->second});
  for (const auto& [file, list] : {std::pair(phone.ctl, ctl), std::pair(phone.itl, itl)}) {
    if (list.version == trust::kNoList) continue;
    withdraw(phone, file, fault);
    if (fault.empty()) wanted.emplace(file, lists.at(file));
  }
}

const trust::OwnListFaults& OwnLists::faults_for_all(const Content& ctl, const Content& itl) {
  auto [known, is_new] = for_all_.try_emplace({ctl.version, itl.version});
  if (is_new)
    known->second = trust::judge_own_lists({.ctl = ctl.bytes, .itl = itl.bytes}, found_->signer,
                                           found_->served, calendar_now());
  return known->second;
}

const std::string& OwnLists::fault_for(const Content& ctl, const Content& itl, const Content& held_ctl,
                                       const Content& held_itl) {
  auto [known, is_new] =
      for_holders_.try_emplace({ctl.version, itl.version, held_ctl.version, held_itl.version});
  if (is_new)
    known->second =
        trust::locks_who_holds({.ctl = held_ctl.bytes, .itl = held_itl.bytes},
                               {.ctl = ctl.bytes, .itl = itl.bytes}, found_->served, calendar_now());
  return known->second;
}

const std::string& OwnLists::fault_of_before(const Content& ctl, const Content& itl) {
  const index::Blob held_ctl(to_buffer(list_of(*before_, phone::kCtlFileName)));
  const index::Blob held_itl(to_buffer(list_of(*before_, phone::kItlFileName)));
  return fault_for(ctl, itl, {held_ctl.bytes(), held_ctl.size() == 0 ? trust::kNoList : version_of(held_ctl)},
                   {held_itl.bytes(), version_of(held_itl)});
}

}  // namespace anchord::control
