// The mark of what libswitchyard.so exports. Everything else is compiled hidden; the public headers
// are listed in cmake/PublicHeaders.cmake.
#pragma once

#define SWITCHYARD_API __attribute__((visibility("default")))
