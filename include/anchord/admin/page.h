// What the admin endpoint is asked and what it answers: a request's path and fields, and pages.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace anchord::admin {

// GET or HEAD, which differ only in that a HEAD's body is left out.
struct Request {
  std::string path;            // "/api/v1/phones/SEP001122334455", decoded
  std::string query;           // "after=SEP00&limit=100", as it came
  std::string accept;          // the field of that name; empty: there is none
  std::string_view rest = {};  // of the path: what follows a route's, where that ends in a slash

  // Of the query, decoded; empty when there is none of the name.
  std::string parameter(std::string_view name) const;
};

struct Page {
  unsigned status = 200;
  std::string type = "text/plain; charset=utf-8";
  std::string body;
};

// Who answers what. A path that ends in a slash, but "/" itself, is that of all below it.
struct Route {
  std::string_view path;
  bool open = false;  // answered without the token: it says nothing of the cluster
  std::function<Page(const Request&)> answer;
};

// The first route of a path; nullptr: there is none.
const Route* find_route(const std::vector<Route>& routes, std::string_view path);

// One line: "there is no page '/x': see /".
Page no_page(std::string_view path);

}  // namespace anchord::admin
