// The local address in a datagram's control data (IP_PKTINFO, IPV6_PKTINFO): the
// one it was sent to, or is to be sent from.
#pragma once

#include <sys/socket.h>

#include <optional>

#include "anchord/io/address.h"

namespace anchord::io {

std::optional<Host> packet_info(const cmsghdr& control);

}  // namespace anchord::io
