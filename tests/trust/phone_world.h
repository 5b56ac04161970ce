// What a virtual phone meets in a test: a network, and a cluster whose signer is another than
// the phone knows.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "anchord/trust/virtual_phone.h"
#include "clusters.h"
#include "max_wants.h"

namespace anchord::trust {

// A network with faults, and a note of what was asked for.
struct World {
  Served served;
  std::set<std::string> unreachable;     // files
  std::set<std::size_t> silent;          // verification services
  std::map<std::size_t, Buffer> saying;  // instead of an answer
  std::vector<std::string> asked;        // files, and "tvs N"

  VirtualPhone::Want answer(VirtualPhone& phone, const VirtualPhone::Want& want, UnixSeconds now) {
    if (const auto* fetch = std::get_if<VirtualPhone::Fetch>(&want)) {
      asked.push_back(fetch->name);
      if (unreachable.contains(fetch->name)) return phone.no_file(now);
      auto file = served.files.find(fetch->name);
      return file == served.files.end() ? phone.not_found(now) : phone.got_file(file->second, now);
    }
    const auto& ask = std::get<VirtualPhone::Ask>(want);
    asked.push_back("tvs " + std::to_string(ask.server));
    if (silent.contains(ask.server)) return phone.no_answer(false, now);
    if (ask.server >= served.tvs.size() || !phone.trusts_tvs(served.tvs[ask.server].der()))
      return phone.no_answer(true, now);
    auto said = saying.find(ask.server);
    return phone.got_answer(said == saying.end() ? answer_of(served, ask.message) : said->second, now);
  }

  VirtualPhone::Done boot(VirtualPhone& phone, UnixSeconds now = kStart) {
    asked.clear();
    VirtualPhone::Want want = phone.boot(now);
    while (!done(want)) {
      want = answer(phone, want, now);
      if (asked.size() > kMaxWants) throw std::runtime_error("a boot that does not end");
    }
    return std::get<VirtualPhone::Done>(want);
  }
};

inline World world_of(const Cluster& cluster, UnixSeconds now = kStart) {
  return {.served = served(cluster, now), .unreachable = {}, .silent = {}, .saying = {}, .asked = {}};
}

class PhoneTest : public testing::Test {
 protected:
  Cluster first_ = new_cluster("a", 2);
  // Nobody that its list knows signs any more, but both services vouch for who does.
  Cluster second_ = regenerated(first_, Service::tftp);
  VirtualPhone phone_ = phone_at(first_);
  World world_ = world_of(second_);
};

}  // namespace anchord::trust
