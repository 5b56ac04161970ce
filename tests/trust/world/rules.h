// The rules that a world may be made without, to see what each is for. They are switched off in
// what the world tells the product's code and in when it asks it: the product itself has no
// such switches.
#pragma once

#include <array>
#include <cstdint>
#include <set>
#include <string_view>
#include <utility>

namespace anchord::trust::world {

enum class Rule : std::uint8_t {
  // Of what is evidence.
  whole,          // a list counts as given when all of it was acknowledged
  vouched,        // a signer that the phone does not know must have been vouched for
  vouched_after,  // ... after the list was given
  delivered,      // ... in an answer that was acknowledged
  act,            // the phone must have gone on afterwards
  act_soon,       // ... in the same boot
  address,        // ... from the address that the list went to
  anonymous,      // who asks for a list without a name may be any phone of that address
  in_order,       // nothing is believed before all that happened until then was told
  new_session,    // what was under way when records were lost proves nothing
  unrecorded,     // lists of a time without records may be held
  first_heard,    // ... by who is first heard of within a week of it
  unkept,         // who came with a cluster that was adopted may hold any list
  forgotten,      // who was removed and is seen again may hold any list of ours
  // Of what is asked before a change.
  guard_tvs,
  guard_tftp,
  guard_host,  // of hosts that come and go
  guard_mode,
  guard_rollback,
  guard_restore,
  guard_own_list,
  guard_roles,   // of certificates that are known
  guard_remove,  // of certificates that were replaced
  guard_move,    // of other clusters' certificates
  guard_drop,
  guard_unknown,  // no change while a phone may hold any list
  hosts_agree,    // no change while a host still serves the state before
};

using Rules = std::set<Rule>;

constexpr std::array<std::pair<Rule, std::string_view>, 27> kRuleNames{{
    {Rule::whole, "whole"},
    {Rule::vouched, "vouched"},
    {Rule::vouched_after, "vouched-after"},
    {Rule::delivered, "delivered"},
    {Rule::act, "act"},
    {Rule::act_soon, "act-soon"},
    {Rule::address, "address"},
    {Rule::anonymous, "anonymous"},
    {Rule::in_order, "in-order"},
    {Rule::new_session, "new-session"},
    {Rule::unrecorded, "unrecorded"},
    {Rule::first_heard, "first-heard"},
    {Rule::unkept, "unkept"},
    {Rule::forgotten, "forgotten"},
    {Rule::guard_tvs, "guard-tvs"},
    {Rule::guard_tftp, "guard-tftp"},
    {Rule::guard_host, "guard-host"},
    {Rule::guard_mode, "guard-mode"},
    {Rule::guard_rollback, "guard-rollback"},
    {Rule::guard_restore, "guard-restore"},
    {Rule::guard_own_list, "guard-own-list"},
    {Rule::guard_roles, "guard-roles"},
    {Rule::guard_remove, "guard-remove"},
    {Rule::guard_move, "guard-move"},
    {Rule::guard_drop, "guard-drop"},
    {Rule::guard_unknown, "guard-unknown"},
    {Rule::hosts_agree, "hosts-agree"},
}};

}  // namespace anchord::trust::world
