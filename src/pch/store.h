// As files.h, with what the files of the store share. No #pragma once: the compiler takes this as a main
// file and would complain.
#include "../store/database/session.h"
#include "files.h"
