// As common.h, where files are worked with and tables are kept. No #pragma once: the compiler takes this
// as a main file and would complain.
#include <filesystem>
#include <functional>
#include <map>
#include <set>
#include <unordered_map>

#include "common.h"
