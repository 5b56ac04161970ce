// What nearly every file of anchorctl includes and takes long to read: precompiled.
// No #pragma once: the compiler takes this as a main file and would complain.
#include <fmt/core.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>
