#pragma once

#include <string>

// Claims the process for the copy that holds this function; empty when it got it.
extern "C" [[gnu::visibility("default")]] void switchyard_test_claim(std::string* error);
