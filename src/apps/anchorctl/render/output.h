// What commands print: text for people, JSON for programs, both safe to show.
//
// Names in certificates and answers of servers were written by others: text for a
// terminal goes through printable(), and JSON through json_text().
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "anchord/base/ascii.h"
#include "anchord/base/bytes.h"
#include "anchord/base/calendar.h"
#include "anchord/base/printable.h"
#include "anchord/report/json.h"

namespace anchord::ctl {

// Documents are made there for all who tell of a cluster.
using namespace report;

void print(std::string_view text);        // to standard output, as it is
void print_line(std::string_view text);   // printable() and a newline
void print_json(const Json& document);    // one document and a newline
void warn(std::string_view text);         // one line on standard error
void print_error(std::string_view text);  // one line on standard error

// To standard error, as it is. Where nobody reads that, a command does what it does all the same.
void print_aside(std::string_view text);

// "  name      value" lines whose values stand in one column.
void print_facts(const std::vector<std::pair<std::string, std::string>>& facts);

// Columns as wide as their widest cell; the first row is the heading.
void print_table(const std::vector<std::vector<std::string>>& rows);

// False when something printed did not reach standard output (a full disk, a
// closed pipe): the command has then failed, whatever else it did.
bool output_arrived();

}  // namespace anchord::ctl
