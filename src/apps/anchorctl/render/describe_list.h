// What a trust list holds, for output.
#pragma once

#include "anchord/wire/trust_list.h"
#include "render/output.h"
#include "render/shown.h"

namespace anchord::ctl {

Json header_json(const wire::Header& header);
Text header_text(const wire::Header& header, std::size_t file_size);

Json trust_list_json(const wire::TrustList& list, Bytes file);
Text trust_list_text(const wire::TrustList& list, Bytes file);

}  // namespace anchord::ctl
