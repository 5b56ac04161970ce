// What every test includes and takes long to read: precompiled. No #pragma once: the
// compiler takes this as a main file and would complain.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>
