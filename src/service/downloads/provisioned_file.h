// Which file of a snapshot answers a name, the same for TFTP and HTTP.
#pragma once

#include <span>
#include <string_view>

#include "anchord/index/file_table.h"
#include "anchord/service/activity_log.h"

namespace anchord::service {

// The name that `asked` means over TFTP, in `room`: as wire::plain_file_name() has it, and
// without what follows a "?", which phones append, unless a file bears all of it. One NUL
// at the end is forgiven. Empty when it can be no file's.
std::string_view name_meant(const index::FileTable& files, std::string_view asked,
                            std::span<char, index::kMaxFileName> room);

// The file of that name. A device's list that does not exist (ITLSEP<mac>.tlv,
// CTLSEP<mac>.tlv) is answered with the cluster's. nullptr when there is none.
const index::FileEntry* find_file(const index::FileTable& files, std::string_view asked);

// "SEP001122334455" in "SEP001122334455.cnf.xml.sgn" or "ITLSEP001122334455.tlv", as
// spelt there; empty when no device is named.
std::string_view device_in(std::string_view asked);

// Whether it is to be recorded who was given that file: one that was asked for with a
// device's name, or a list or default configuration, which phones also ask for without it.
bool is_recorded(std::string_view device, std::string_view served);

// Whether that is the name of a device's own list or configuration: CTLSEP<mac>.tlv,
// ITLSEP<mac>.tlv, SEP<mac>.cnf.xml and what has an ending behind that.
bool is_own_file(std::string_view asked);

// Whether that is the name of a device's own list: CTLSEP<mac>.tlv, ITLSEP<mac>.tlv.
bool is_own_list(std::string_view asked);

// Whether that is the name of a list, the cluster's or a device's own.
bool is_list(std::string_view served);

// The record of a request for one that is not there.
Download not_there(std::string_view asked, const io::Host& from, Protocol protocol, Millis now);

// Whether the cluster has a configuration for that device.
bool is_known_device(const index::FileTable& files, std::string_view device);

}  // namespace anchord::service
