// What most files of a module include and takes long to read: precompiled. Each file includes what it
// uses all the same (-Db_pch=false compiles without this). No #pragma once: the compiler takes this as a
// main file and would complain.
#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <expected>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>
